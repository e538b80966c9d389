# The two commands of a fresh machine are `make demo` and `make test`; both do all their own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.PHONY: help demo test check bench clean

help:
	@echo "make demo    open the workbench on the demo preset (plain text without a terminal)"
	@echo "make test    lint, types, and every test"
	@echo "make check   lint and types"
	@echo "make bench   the benchmarks: ratios against peers"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("rm-workbench needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(READY_DEV): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/rm-workbench demo-pairs; else exec $(BIN)/python -m engine.demo.tour; fi

test: check
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

check: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY_DEV)
	$(BIN)/python benchmarks/app.py
	$(BIN)/python benchmarks/charts.py
	$(BIN)/python benchmarks/events.py
	$(BIN)/python benchmarks/encode.py
	$(BIN)/python benchmarks/train.py pairs
	$(BIN)/python benchmarks/train.py steps

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
