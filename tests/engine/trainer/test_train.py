import math

import pytest
import torch

from engine.batch.pad import PadCollator
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding
from engine.objective.bradley_terry import bradley_terry_loss
from engine.sample import SampleId
from engine.trainer.error import NotFiniteError


def logged(trainer, name):
    return [entry[name] for entry in trainer.logged if "loss" in entry]


def naive_pair_scores(model, ids):
    """One sequence alone, unpadded, through the class's own forward."""
    return model(input_ids=torch.tensor([ids])).logits[0, 0]


def test_pairs_are_learned(make_trainer, make_rows):
    trainer = make_trainer(rows=make_rows["pair"](64), eval_rows=make_rows["pair"](64, seed=1), num_epochs=6)
    trainer.train()
    metrics = trainer.evaluate()
    assert metrics["eval_accuracy"] > 0.9
    assert logged(trainer, "loss")[-1] < 0.3 < logged(trainer, "loss")[0]


def test_steps_are_learned(make_trainer, make_rows):
    trainer = make_trainer("steps", rows=make_rows["steps"](64), eval_rows=make_rows["steps"](64, seed=1), num_epochs=6)
    trainer.train()
    metrics = trainer.evaluate()
    assert metrics["eval_accuracy"] > 0.95 > metrics["eval_majority_baseline"]
    assert metrics["eval_f1_error"] > 0.95


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_loss_and_gradient_are_those_of_each_row_alone(make_trainer, make_rows, kind):
    rows = make_rows[kind](6)
    trainer = make_trainer(kind, rows=rows, micro_batch_size=6)
    model = trainer.model.eval()
    batch = PadCollator(0)([SlottedRow(row, False) for row in rows])
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    losses = []
    for row in (row.encoding for row in rows):
        if kind == "pair":
            chosen, rejected = (naive_pair_scores(model, ids) for ids in (row.chosen_ids, row.rejected_ids))
            losses.append(-torch.nn.functional.logsigmoid(chosen - rejected))
        else:
            logits = model(input_ids=torch.tensor([row.input_ids])).logits[0]
            losses += torch.nn.functional.cross_entropy(
                logits, torch.tensor(row.labels), ignore_index=-100, reduction="none"
            )[torch.tensor(row.labels) != -100]
    naive = torch.stack(losses).mean()
    naive.backward()
    assert loss.item() == pytest.approx(naive.item(), rel=1e-5)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, rtol=1e-4, atol=1e-6)


def test_soft_labels_train(make_trainer, make_rows):
    trainer = make_trainer("steps", rows=make_rows["steps"](32, soft=True), num_epochs=8)
    trainer.train()
    floor = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert logged(trainer, "loss")[-1] == pytest.approx(floor, abs=0.2)
    assert logged(trainer, "accuracy")[-1] > 0.95


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_accumulation_changes_nothing(make_trainer, make_rows, kind):
    """Micro-batches hold different numbers of judged steps: only the mean over the whole batch is right."""
    rows = make_rows[kind](22)
    whole = make_trainer(kind, rows=rows, micro_batch_size=8, logging_steps=1, run="whole")
    whole.train()
    parts = make_trainer(
        kind, rows=rows, micro_batch_size=2, gradient_accumulation_steps=4, logging_steps=1, run="parts"
    )
    parts.train()
    assert logged(parts, "loss") == pytest.approx(logged(whole, "loss"), rel=1e-4)
    assert logged(parts, "grad_norm") == pytest.approx(logged(whole, "grad_norm"), rel=1e-3)
    assert len(logged(parts, "loss")) == 3


def test_logged_metrics_are_those_of_the_interval(make_trainer, make_rows):
    rows = make_rows["pair"](8)
    trainer = make_trainer(rows=rows, micro_batch_size=8, learning_rate=1e-9, logging_steps=1)
    model = trainer.model.eval()
    with torch.no_grad():
        scores = [
            [naive_pair_scores(model, ids).item() for ids in (r.encoding.chosen_ids, r.encoding.rejected_ids)]
            for r in rows
        ]
    chosen, rejected = torch.tensor(scores).T
    trainer.train()
    entry = trainer.logged[0]
    assert entry["loss"] == pytest.approx(bradley_terry_loss(chosen, rejected).mean().item(), rel=1e-4)
    assert entry["accuracy"] == (chosen > rejected).float().mean().item()
    assert entry["margin"] == pytest.approx((chosen - rejected).mean().item(), abs=1e-5)
    both = torch.cat([chosen, rejected])
    assert entry["reward_mean"] == pytest.approx(both.mean().item(), abs=1e-5)
    assert entry["reward_std"] == pytest.approx(both.std(correction=0).item(), abs=1e-5)
    assert (entry["reward_min"], entry["reward_max"]) == pytest.approx((both.min().item(), both.max().item()), abs=1e-5)
    lengths = [len(ids) for r in rows for ids in (r.encoding.chosen_ids, r.encoding.rejected_ids)]
    assert entry["padding_fraction"] == pytest.approx(1 - sum(lengths) / (16 * max(lengths)))
    assert entry["tokens_per_second"] > 0 < entry["step_time"]


def test_equal_answers_count_half(make_trainer):
    pair = PairEncoding([3, 4, 5], [3, 4, 5], 2, 2, 2)
    rows = [EncodedRow(SampleId(0, i), pair, None) for i in range(4)]
    metrics = make_trainer(rows=rows, eval_rows=rows).evaluate()
    assert (metrics["eval_accuracy"], metrics["eval_ties"]) == (0.5, 1.0)
    assert metrics["eval_loss"] == pytest.approx(math.log(2))


def test_steps_before_a_resume_are_not_counted_into_the_time_of_a_step(make_trainer, tmp_path, monkeypatch):
    values = {"logging_steps": 2, "save_steps": 4}
    make_trainer(run="whole", **values).train()
    counted = []
    monkeypatch.setattr("engine.trainer.train.throughput", lambda passed, seconds, steps: counted.append(steps) or {})
    make_trainer(run="resumed", **values).train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    assert counted == [2, 2]


def test_resumed_training_repeats_the_uninterrupted_one(make_trainer, tmp_path):
    values = {"num_epochs": 2, "logging_steps": 1, "save_steps": 3, "lora_dropout": 0.3, "adapter": "lora"}
    whole = make_trainer(run="whole", **values)
    whole.train()
    resumed = make_trainer(run="resumed", **values)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-9"))
    assert logged(whole, "loss")[9:] == pytest.approx(logged(resumed, "loss"), rel=1e-6)
    assert len(logged(whole, "loss")) == 16
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_bf16_trains_on_the_cpu_with_an_fp32_head(make_trainer, make_rows):
    trainer = make_trainer(rows=make_rows["pair"](64), num_epochs=6, bf16=True)
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}
    trainer.train()
    assert logged(trainer, "accuracy")[-1] > 0.9


def test_bf16_scores_are_not_rounded_to_bf16(make_trainer, make_rows):
    trainer = make_trainer(rows=make_rows["pair"](16), bf16="full")
    assert trainer.model.model.embed_tokens.weight.dtype == torch.bfloat16
    batch = PadCollator(0)([SlottedRow(row, False) for row in make_rows["pair"](16)])
    _, outputs = trainer.compute_loss(trainer.model, batch, return_outputs=True)
    assert outputs["scores"].dtype == torch.float32
    assert not torch.equal(outputs["scores"], outputs["scores"].bfloat16().float())


def test_gradient_checkpointing_changes_nothing(make_trainer):
    plain, checkpointed = (
        make_trainer(run="a", logging_steps=1),
        make_trainer(run="b", logging_steps=1, gradient_checkpointing=True),
    )
    plain.train()
    checkpointed.train()
    assert logged(plain, "loss") == pytest.approx(logged(checkpointed, "loss"), rel=1e-6)


def test_a_loss_that_is_not_a_number_names_the_row(make_trainer, make_rows):
    rows = make_rows["pair"](8)
    bad = PairEncoding([47, 3], [4, 5], 1, 1, 0)
    rows[5] = EncodedRow(SampleId(2, 77), bad, None)
    for row in rows[:5] + rows[6:]:
        row.encoding.chosen_ids[:] = [min(i, 46) for i in row.encoding.chosen_ids]
        row.encoding.rejected_ids[:] = [min(i, 46) for i in row.encoding.rejected_ids]
    trainer = make_trainer(rows=rows)
    with torch.no_grad():
        trainer.model.model.embed_tokens.weight[47] = math.nan
    with pytest.raises(NotFiniteError, match="loss") as caught:
        trainer.train()
    assert caught.value.rows == (SampleId(2, 77),)
    assert "2:77" in caught.value.where
    assert "neither is model.embed_tokens.weight" in caught.value.what
    assert "loaded so from `base_model`" in caught.value.advice


def test_a_learning_rate_that_spoils_the_weights_is_named(make_trainer):
    trainer = make_trainer(learning_rate=1e38, lr_scheduler="constant", max_grad_norm=0)
    with pytest.raises(NotFiniteError, match=r"step [2-4] .* neither is ") as caught:
        trainer.train()
    assert "lower learning_rate" in caught.value.advice


def test_a_gradient_that_is_not_a_number_stops_before_the_weights_change(make_trainer):
    trainer = make_trainer()
    trainer.model.score.weight.register_hook(lambda grad: grad * math.inf)
    before = trainer.model.model.embed_tokens.weight.detach().clone()
    with pytest.raises(NotFiniteError, match="gradient"):
        trainer.train()
    assert torch.equal(trainer.model.model.embed_tokens.weight, before)
