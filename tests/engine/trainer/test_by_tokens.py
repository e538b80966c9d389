"""Micro-batches by tokens: the same steps and losses, whatever the budget, also when memory runs out."""

import pytest
import torch

from engine.trainer.error import BatchTooLargeError

STEP = {"micro_batch_size": 4, "gradient_accumulation_steps": 2, "logging_steps": 1}


def logged(trainer, name):
    return [entry[name] for entry in trainer.logged if "loss" in entry]


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_a_budget_changes_neither_steps_nor_losses(make_trainer, make_rows, kind, budget):
    rows = make_rows[kind](22)
    counted = make_trainer(kind, rows=rows, eval_rows=rows, run="counted", **STEP)
    by_tokens = make_trainer(kind, rows=rows, eval_rows=rows, run="tokens", micro_batch_tokens=budget, **STEP)
    for trainer in (counted, by_tokens):
        trainer.train()
    for name in ("loss", "grad_norm", "accuracy", "tokens"):
        assert logged(by_tokens, name) == pytest.approx(logged(counted, name), rel=1e-3), name
    assert len(logged(by_tokens, "loss")) == 3
    assert by_tokens.evaluate()["eval_loss"] == pytest.approx(counted.evaluate()["eval_loss"], rel=1e-3)


class Small:
    """Lays rows out as `collate` does, and lets the model's memory run out above `limit` positions: late in the forward
    pass, when a part of the step is done.
    """

    def __init__(self, trainer, monkeypatch, limit):
        self.computed = []
        scores = trainer._scores

        def run_out(model, batch):
            made = scores(model, batch)
            if batch["computed"] > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
            self.computed.append(batch["computed"])
            return made

        monkeypatch.setattr(trainer, "_scores", run_out)


def test_out_of_memory_halves_the_budget_and_changes_nothing_else(make_trainer, make_rows, monkeypatch):
    rows, told = make_rows["pair"](22), []
    plain = make_trainer(rows=rows, run="plain", **STEP)
    plain.train()
    halving = {"micro_batch_tokens": 200, "halve_micro_batch_on_oom": True}
    trainer = make_trainer(rows=rows, run="halved", tell=told.append, **halving, **STEP)
    memory = Small(trainer, monkeypatch, limit=60)
    trainer.train()
    assert max(memory.computed) <= 60
    assert logged(trainer, "loss") == pytest.approx(logged(plain, "loss"), rel=1e-4)
    assert logged(trainer, "tokens") == logged(plain, "tokens")
    assert 1 <= len(told) <= 3
    assert "Out of GPU memory in step 1" in told[0]
    assert "at most" in told[-1]


def test_out_of_memory_is_told_with_the_numbers(make_trainer, make_rows, monkeypatch):
    rows = make_rows["pair"](8)
    trainer = make_trainer(rows=rows, micro_batch_size=8)
    Small(trainer, monkeypatch, limit=60)
    with pytest.raises(
        BatchTooLargeError, match=r"step 1, on a micro-batch of 8 rows and \d+ positions \(longest"
    ) as e:
        trainer.train()
    longest = max(len(ids) for row in rows for ids in (row.encoding.chosen_ids, row.encoding.rejected_ids))
    assert e.value.size.longest == longest
    assert f"micro_batch_tokens: {16 * longest // 2}" in e.value.advice


def test_a_row_that_does_not_fit_alone_ends_the_run(make_trainer, make_rows, monkeypatch):
    halving = {"micro_batch_tokens": 100, "halve_micro_batch_on_oom": True}
    trainer = make_trainer(rows=make_rows["pair"](8), **halving, **STEP)
    Small(trainer, monkeypatch, limit=0)
    with pytest.raises(BatchTooLargeError, match="of 1 row and") as error:
        trainer.train()
    assert "sequence_len" in error.value.advice
