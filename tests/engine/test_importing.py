"""Importing without looking for garbage meanwhile."""

import gc
import importlib

import pytest

from engine.importing import importing


def test_what_is_made_while_importing_is_not_gone_through_again():
    frozen = gc.get_freeze_count()
    try:
        with importing():
            assert not gc.isenabled()
            made = [[] for _ in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() >= frozen + len(made)
    finally:
        gc.unfreeze()


def test_an_import_that_fails_leaves_the_collector_on():
    try:
        with pytest.raises(ModuleNotFoundError), importing():
            importlib.import_module("nowhere_to_be_found")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
