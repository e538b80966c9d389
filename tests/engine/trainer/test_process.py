"""The trainer process from outside: its run folder, its events, its exit code."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from engine.events.reader import EventReader
from engine.events.schema import Checkpoint, End, Eval, FindingEvent, Histogram, Metric, Start
from engine.preset.load import load_preset
from engine.runs.folder import create_run
from engine.runs.launch import trainer_command
from engine.runs.row_history import read_row_history
from engine.trainer import process
from engine.trainer.report import Report
from engine.trainer.request import StopRequest
from engine.trainer.train import RewardTrainer

PLAIN = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} <eos> {% endfor %}"


@pytest.fixture
def make_run(tmp_path, model_folder, monkeypatch):
    """A run on a tiny model and rows of words: `make_run("pair", micro_batch_size=2, …)`."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)

    def make(kind="pair", rows=24, name=None, **values):
        folder = tmp_path / f"llama-{kind}"
        folder = folder if folder.exists() else model_folder(kind)
        write_rows(tmp_path / "train.jsonl", kind, rows, 0)
        write_rows(tmp_path / "test.jsonl", kind, 12, 1)
        preset = {
            "base_model": str(folder),
            "reward_model" if kind == "pair" else "process_reward_model": True,
            "datasets": [data("train.jsonl", kind)],
            "test_datasets": [data("test.jsonl", kind)],
            "sequence_len": 64,
            "learning_rate": 5e-3,
            "micro_batch_size": 4,
            "logging_steps": 1,
            "device": "cpu",
        }
        if kind == "pair":
            preset |= {"chat_template": "jinja", "chat_template_jinja": PLAIN}
        path = tmp_path / "tiny.yaml"
        with path.open("w") as file:
            YAML().dump(preset | values, file)
        return create_run(load_preset(str(path)), name)

    return make


def data(path, kind):
    return {"path": path, "type": "bradley_terry.chat_template" if kind == "pair" else "stepwise_supervised"}


def write_rows(path, kind, count, seed):
    """Answers with the good word w7 are better; steps with it are right."""
    lines = []
    for i in range(count):
        words = [f"w{8 + (i * 7 + seed * 3 + k * 5) % 40}" for k in range(8)]
        if kind == "pair":
            row = {"input": " ".join(words[: 2 + i % 5]), "chosen": f"w7 {words[5]}", "rejected": " ".join(words[5:8])}
        else:
            labels = [(i + k) % 3 > 0 for k in range(1 + i % 4)]
            steps = [("w7 " if label else "w8 ") + words[k] for k, label in enumerate(labels)]
            row = {"prompt": " ".join(words[:3]), "completions": steps, "labels": labels}
        lines.append(json.dumps(row | {"topic": f"t{i % 3}"}))
    path.write_text("\n".join(lines))


@pytest.fixture
def train():
    """Trains a run in this process: the trainer's own main, which leaves signals as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def trained(run):
        requested = StopRequest(run.path)
        requested.listen()
        return process.main(run.path, requested)

    yield trained
    for number, handler in before.items():
        signal.signal(number, handler)


def launched(command):
    """Runs a command as a launch would run the trainer's."""
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def once(condition, act):
    """Act from another thread as soon as the condition holds."""

    def watch():
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    threading.Thread(target=watch, daemon=True).start()


def events(run, kind=None):
    found = [record.event for record in EventReader(run.events).read()]
    return [event for event in found if kind is None or isinstance(event, kind)]


def losses(run):
    return {event.step: event.values["loss"] for event in events(run, Metric)}


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_a_run_learns_and_says_so(make_run, train, kind):
    run = make_run(kind, num_epochs=8)
    assert train(run) == 0
    start, end = events(run, Start)[0], events(run)[-1]
    assert end.status == "finished"
    assert (start.model_kind, start.total_steps, start.ledger["kept"]) == (kind, 48, 24)
    assert (start.eval_ledger["rows"], start.eval_ledger["kept"]) == (12, 12)
    assert start.device == "cpu, fp32"
    assert run.manifest().digest == start.digest
    assert run.manifest().ledger["rows"] == 24
    evaluation = events(run, Eval)[-1]
    assert evaluation.values["eval_accuracy"] >= 0.9
    baseline = "eval_length_baseline" if kind == "pair" else "eval_majority_baseline"
    assert 0.5 <= evaluation.values[baseline] <= 1
    assert f"{evaluation.values['eval_accuracy']:.3f}" in end.message
    assert list(losses(run)) == list(range(1, 49))
    assert events(run, Metric)[-1].values["accuracy"] >= 0.9
    assert [event.code for event in events(run, FindingEvent)][-1] == "reload-equal"
    assert {path.suffix for path in run.model.iterdir()} <= {".json", ".safetensors", ".jinja"}
    assert len(run.checkpoints()) == 4
    assert events(run, Checkpoint)[-1].path == run.checkpoints()[-1].name
    rows = read_row_history(run.path).rows
    trained = [record for record in rows.values() if record.split == "train"]
    assert [(len(trained), len(rows))] == [(24, 36)]
    assert all([int(epoch) for epoch in record.epochs] == list(range(8)) for record in trained)
    state = json.loads((run.checkpoints()[-1] / "trainer_state.json").read_text())
    assert (state["global_step"], state["log_history"]) == (48, []), "the events have the history"
    assert sum(record.right[-1] for record in trained) >= 22
    assert [record.steps for record in rows.values() if record.split == "eval"] == [(48,)] * 12
    histograms = events(run, Histogram)
    assert {tuple(each.counts) for each in histograms} == {
        ("chosen", "rejected") if kind == "pair" else ("right", "wrong")
    }
    assert histograms[-1].split == "eval"
    seen = sum(sum(map(sum, each.counts.values())) for each in histograms if each.split == "train")
    items = len(trained) * 2 if kind == "pair" else sum(len(record.labels) for record in trained)
    assert seen == items * 8
    last = events(run, Metric)[-1].values
    assert last["tokens"] == 8 * events(run, Metric)[5].values["tokens"]
    assert 0 <= last["data_time"] <= last["step_time"]
    assert 0.05 < last["host_memory_gib"] < 100


@pytest.mark.parametrize("kind", ["pair", "steps"])
@pytest.mark.parametrize("bf16", [False, True])
def test_an_adapter_is_saved_with_its_head(make_run, train, kind, bf16):
    run = make_run(kind, num_epochs=8, adapter="lora", learning_rate=2e-2, bf16=bf16)
    assert train(run) == 0
    start = events(run, Start)[0]
    assert start.trained_parameters < start.parameters
    assert start.device == ("cpu, bf16 on bf16 weights" if bf16 else "cpu, fp32")
    assert (run.model / "adapter_model.safetensors").is_file()
    assert [event.code for event in events(run, FindingEvent)][-1] == "reload-equal"
    assert events(run, Metric)[-1].values["loss"] < 0.5 * events(run, Metric)[0].values["loss"]


@pytest.mark.parametrize("kind", ["pair", "steps"])
def test_a_run_with_every_setting_of_its_loss_and_subsets(make_run, train, kind):
    loss = {"center_rewards_coefficient": 0.01} if kind == "pair" else {"class_weights": "balanced"}
    test = data("test.jsonl", kind) | {"field_subset": "topic"}
    run = make_run(kind, num_epochs=6, label_smoothing=0.05, test_datasets=[test], **loss)
    assert train(run) == 0, run.log
    values = events(run, Eval)[-1].values
    topics = {name.split("/")[1] for name in values if name.startswith("eval_accuracy/")}
    assert topics == {"t0", "t1", "t2"}
    if kind == "pair":
        accuracies = [values[f"eval_accuracy/{topic}"] for topic in sorted(topics)]
        assert sum(accuracies) / 3 == pytest.approx(values["eval_accuracy"])
    assert values["eval_accuracy"] >= 0.8
    # What a label flipped in 20 leaves of the loss where nothing is left to learn.
    assert values["eval_loss"] > 0.19 if kind == "pair" else values["eval_loss"] > 0


@pytest.mark.parametrize(("has", "said"), [(True, []), (False, ["slow-bf16"])])
def test_bf16_on_a_cpu_without_it_is_said_to_be_slow(make_run, train, monkeypatch, has, said):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: has)
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    run = make_run(max_steps=1, bf16=True)
    assert train(run) == 0
    assert [event.code for event in events(run, FindingEvent) if event.code == "slow-bf16"] == said


def test_tensorboard_gets_the_metrics_by_their_names(make_run, train):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = make_run(num_epochs=1, use_tensorboard=True)
    assert train(run) == 0
    written = accumulator.EventAccumulator(str(run.path / "tensorboard"))
    written.Reload()
    assert {scalar.step: scalar.value for scalar in written.Scalars("train/loss")} == pytest.approx(losses(run))
    assert {"train/margin", "train/tokens", "eval/accuracy", "eval/length_baseline"} <= set(written.Tags()["scalars"])


def test_an_adapter_resumes(make_run, train):
    values = {"num_epochs": 2, "adapter": "lora", "lora_dropout": 0.2}
    whole = make_run(name="whole", **values)
    assert train(whole) == 0
    run = make_run(name="again", **values)
    assert train(run) == 0
    shutil.rmtree(run.path / "checkpoint-12")
    assert train(run) == 0
    assert events(run, Start)[-1].resumed_from == "checkpoint-6"
    assert losses(run) == pytest.approx(losses(whole), rel=1e-5)


def test_a_stop_request_leaves_a_checkpoint_and_resuming_repeats_the_losses(make_run, train):
    whole = make_run(num_epochs=6, name="whole")
    assert train(whole) == 0
    run = make_run(num_epochs=6, name="stopped")
    once(lambda: len(events(run, Metric)) >= 3, run.stop_request.touch)
    assert train(run) == 0
    assert events(run)[-1].status == "stopped"
    assert not run.stop_request.exists()
    assert not run.model.exists()
    step = events(run, Checkpoint)[-1].step
    assert 3 <= step < 36
    assert train(run) == 0
    assert events(run, Start)[-1].resumed_from == f"checkpoint-{step}"
    assert events(run)[-1].status == "finished"
    assert losses(run) == losses(whole)
    assert read_row_history(run.path).rows == read_row_history(whole.path).rows
    assert events(run, Metric)[-1].values["tokens"] == events(whole, Metric)[-1].values["tokens"]


def test_sigterm_is_a_stop_request(make_run, train):
    run = make_run(num_epochs=400)
    once(lambda: events(run, Metric), lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(run) == 0
    assert events(run)[-1].status == "stopped"
    assert len(run.checkpoints()) >= 1


def test_a_stop_before_the_first_step_is_heard(make_run, train):
    run = make_run(num_epochs=400)
    run.stop_request.touch()
    assert train(run) == 0
    assert events(run)[-1].status == "stopped"
    assert not events(run, Metric)


def test_a_stop_is_heard_in_the_middle_of_an_evaluation(make_run, train, monkeypatch):
    values = {"num_epochs": 2, "eval_steps": 4, "adapter": "lora", "lora_dropout": 0.3}
    whole = make_run(name="whole", **values)
    assert train(whole) == 0
    run = make_run(name="stopped", **values)
    evaluated = Report.on_prediction_step
    batches = []

    def ask(report, args, state, *rest, **others):
        batches.append(state.global_step)
        if batches.count(state.global_step) == 2 and state.global_step in (8, 12):
            run.stop_request.touch()
        evaluated(report, args, state, *rest, **others)

    monkeypatch.setattr(Report, "on_prediction_step", ask)
    for step, resumed_from in ((8, None), (12, "checkpoint-8")):
        assert train(run) == 0
        end = events(run, End)[-1]
        assert (end.status, end.message.count("evaluation")) == ("stopped", 1)
        assert batches.count(step) == 2, "of three"
        assert run.checkpoints()[-1].name == f"checkpoint-{step}"
        assert events(run, Start)[-1].resumed_from == resumed_from
    batches += [12]
    assert train(run) == 0
    assert events(run, End)[-1].status == "finished"
    assert losses(run) == losses(whole)
    assert [event.step for event in events(run, Eval)] == [4, 12]
    assert events(run, Eval)[-1].values["eval_loss"] == events(whole, Eval)[-1].values["eval_loss"]


def test_a_half_written_or_damaged_checkpoint_is_passed_over(make_run, train):
    run = make_run(num_epochs=4)
    assert train(run) == 0
    (run.path / "checkpoint-24" / "trainer_state.json").write_text('{"global_st')
    (run.path / "checkpoint-18" / "optimizer.pt").unlink()
    weights = run.path / "checkpoint-12" / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    assert train(run) == 0
    assert events(run, Start)[-1].resumed_from == "checkpoint-6"
    found = [event.message for event in events(run, FindingEvent) if event.code == "checkpoint-damaged"]
    assert len(found) == 2
    assert "checkpoint-12 is passed over, it is damaged: model.safetensors has" in found[0]
    assert "optimizer.pt is missing" in found[1]
    assert events(run)[-1].status == "finished"
    optimizer = run.path / "checkpoint-24" / "optimizer.pt"
    optimizer.write_bytes(bytes(optimizer.stat().st_size))
    assert train(run) == 1
    end = events(run)[-1]
    assert "checkpoint-24: This checkpoint does not fit the model, or is damaged" in end.message
    assert "goes on from the checkpoint before" in end.advice


def test_what_fitted_into_memory_is_kept_for_a_resumed_run(make_run, train, monkeypatch):
    scores = RewardTrainer._scores

    def run_out(trainer, model, batch):
        if batch["computed"] > 40:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB.")
        return scores(trainer, model, batch)

    monkeypatch.setattr(RewardTrainer, "_scores", run_out)
    run = make_run(num_epochs=2, micro_batch_tokens=1000, halve_micro_batch_on_oom=True, sample_packing=False)
    once(lambda: len(events(run, Metric)) >= 3, run.stop_request.touch)
    assert train(run) == 0
    halved = [event.message for event in events(run, FindingEvent) if event.code == "micro-batch-halved"]
    fits = halved[-1].split("at most ")[1].split(" ")[0]
    assert train(run) == 0
    again = [event.message for event in events(run, FindingEvent) if event.code == "micro-batch-halved"][len(halved) :]
    assert again == [f"As before, micro-batches have at most {fits} positions; the loss stays the same."]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"adapter": "lora"}, "its adapter is not this run's"),
        ({"micro_batch_size": 2}, "its optimizer steps have 4 rows, this run's 2"),
        ({"rows": 20, "optimizer": "sgd"}, "its `optimizer` is adamw_torch_fused, this run's sgd; its training rows"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(make_run, train, values, said):
    first = make_run(num_epochs=1)
    assert train(first) == 0
    other = make_run(name="other", num_epochs=2, resume_from_checkpoint=str(first.checkpoints()[-1]), **values)
    assert train(other) == 1
    end = events(other)[-1]
    assert said in end.message
    assert "base_model:" in end.advice
    assert not events(other, Metric)


def test_a_longer_training_goes_on_from_a_checkpoint_of_the_same(make_run, train):
    first = make_run(num_epochs=1)
    assert train(first) == 0
    longer = make_run(name="longer", num_epochs=2, resume_from_checkpoint=str(first.checkpoints()[-1]))
    assert train(longer) == 0
    assert list(losses(longer)) == list(range(7, 13))


def test_a_clock_that_is_set_back_costs_no_checkpoint(make_run, train, monkeypatch):
    run = make_run(num_epochs=3, save_total_limit=2)
    monkeypatch.setattr("os.path.getmtime", lambda path: -float(str(path).rsplit("-", 1)[-1]))
    assert train(run) == 0
    assert [path.name for path in run.checkpoints()] == ["checkpoint-12", "checkpoint-18"]


IN_TURN = """
import os, sys
from engine.__main__ import main
for turn, folder in enumerate(sys.argv[1:]):
    if turn:
        # The launcher has them meet once.
        port = str(int(os.environ["MASTER_PORT"]) + 1)
        os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}
    assert main(["run", folder]) == 0, folder
"""


def test_two_processes_give_the_loss_of_one(make_run, train, tmp_path):
    """Also with micro-batches by tokens, resumed; and a stop before the first step ends both."""
    one = make_run("steps", rows=22, num_epochs=2, micro_batch_size=4, name="one")
    halves = {"micro_batch_size": 1, "gradient_accumulation_steps": 2, "num_processes": 2}
    two = make_run("steps", rows=22, num_epochs=2, name="two", **halves)
    by_tokens = make_run("steps", rows=22, num_epochs=2, name="tokens", micro_batch_tokens=40, **halves)
    half = {"micro_batch_tokens": 40, "resume_from_checkpoint": str(by_tokens.path / "checkpoint-6")}
    resumed = make_run("steps", rows=22, num_epochs=2, name="resumed", **half, **halves)
    stopped = make_run("steps", rows=22, num_epochs=2, name="stopped", **halves)
    stopped.stop_request.touch()
    assert train(one) == 0
    (tmp_path / "in_turn.py").write_text(IN_TURN)
    runs = (two, by_tokens, resumed, stopped)
    command = trainer_command(two)
    command[command.index("--module") :] = [str(tmp_path / "in_turn.py"), *(str(run.path) for run in runs)]
    log = launched(command)
    assert log.returncode == 0, log.stderr
    assert "find_unused_parameters" not in log.stderr
    for run in (by_tokens, resumed):
        later = {step: loss for step, loss in losses(one).items() if run is by_tokens or step > 6}
        assert losses(run) == pytest.approx(later, rel=1e-4)
    assert losses(resumed) == {step: loss for step, loss in losses(by_tokens).items() if step > 6}
    assert [event.message for event in events(stopped, End)] == ["Stopped before the first step."]
    assert not events(stopped, Start)
    assert events(one, Start)[0].digest == events(two, Start)[0].digest
    assert len(losses(one)) == 12
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    accuracies = [[event.values["accuracy"] for event in events(run, Metric)] for run in (one, two)]
    assert accuracies[0] == pytest.approx(accuracies[1])
    assert events(two, Eval)[-1].values["eval_loss"] == pytest.approx(
        events(one, Eval)[-1].values["eval_loss"], rel=1e-4
    )
    assert len(events(two, Start)) == 1
    histories = [read_row_history(run.path).rows for run in (one, two)]
    assert histories[0].keys() == histories[1].keys()
    for row, record in histories[0].items():
        other = histories[1][row]
        assert (other.split, other.steps, other.labels) == (record.split, record.steps, record.labels)
        assert other.losses == pytest.approx(record.losses, rel=1e-3)
        for visit, its in zip(other.probabilities, record.probabilities, strict=True):
            assert visit == pytest.approx(its, abs=1e-4)
    tokens = [[event.values["tokens"] for event in events(run, Metric)] for run in (one, two)]
    assert tokens[0] == tokens[1]


def test_a_disk_that_fills_up_while_saving_leaves_the_checkpoint_before(make_run, train, monkeypatch):
    run = make_run(num_epochs=3)
    save = RewardTrainer._save_optimizer_and_scheduler

    def fill_up(trainer, folder):
        if trainer.state.global_step > 6:
            raise OSError(28, "No space left on device")
        save(trainer, folder)

    monkeypatch.setattr(RewardTrainer, "_save_optimizer_and_scheduler", fill_up)
    assert train(run) == 1
    assert "No space left" in events(run, End)[-1].message
    assert [path.name for path in run.path.glob("checkpoint-*")] == ["checkpoint-6"]
    monkeypatch.undo()
    assert train(run) == 0
    assert events(run, Start)[-1].resumed_from == "checkpoint-6"


def test_the_best_checkpoint_is_what_is_saved(make_run, train):
    """A learning rate that wrecks the model after a while: the end must not be what is kept."""
    run = make_run(num_epochs=6, learning_rate=0.5, lr_scheduler="constant", load_best_model_at_end=True)
    assert train(run) == 0
    evaluations = {event.step: event.values for event in events(run, Eval)}
    assert list(evaluations) == [6, 12, 18, 24, 30, 36], "each step keeps its own"
    best = min(evaluations, key=lambda step: evaluations[step]["eval_loss"])
    kept, saved = (load_file(path / "model.safetensors") for path in (run.path / f"checkpoint-{best}", run.model))
    assert all(torch.equal(kept[name], saved[name]) for name in kept)
    accuracy = evaluations[best]["eval_accuracy"]
    said = f"36 steps; the model is that of step {best}, which evaluated best; held-out accuracy {accuracy:.3f}"
    assert events(run, End)[-1].message.startswith(said)


def test_a_model_that_cannot_be_loaded_back_is_kept_all_the_same(make_run, train, monkeypatch):
    def fail(*_):
        raise RuntimeError("size mismatch")

    monkeypatch.setattr("engine.trainer.saving.reload_difference", fail)
    run = make_run(max_steps=1)
    assert train(run) == 0
    found = events(run, FindingEvent)[-1]
    assert (found.code, found.severity, "RuntimeError: size mismatch" in found.message) == (
        "reload-failed",
        "error",
        True,
    )
    assert events(run)[-1].status == "finished"


def test_tokens_that_an_adapter_does_not_train_are_said(make_run, train):
    run = make_run(max_steps=1, adapter="lora", tokens=["<new>"])
    assert train(run) == 0
    found = {event.code: event.message for event in events(run, FindingEvent)}
    assert "lora_modules_to_save: [embed_tokens]" in found["untrained-tokens"]
    assert "bit for bit; loaded back in fp32" in found["reload-equal"]


def test_early_stopping_ends_a_run_that_gets_no_better(make_run, train):
    run = make_run(num_epochs=20, learning_rate=1e-12, early_stopping_patience=2)
    assert train(run) == 0
    assert events(run)[-1].status == "finished"
    assert events(run, Metric)[-1].step == 18
    shutil.rmtree(run.path / "checkpoint-18")
    assert train(run) == 0
    assert events(run, Start)[-1].resumed_from == "checkpoint-12"
    assert events(run, Metric)[-1].step == 18, "what it had waited is not waited again"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base_model": "./no-such-model"}, "no-such-model"),
        ({"datasets": [{"path": "missing.jsonl"}]}, "missing.jsonl"),
        ({"resume_from_checkpoint": "elsewhere"}, "elsewhere"),
        ({"test_datasets": [data("test.jsonl", "pair") | {"field_subset": "topics"}]}, "did you mean `topic`"),
    ],
)
def test_what_cannot_be_trained_is_said(make_run, train, values, message):
    run = make_run(**values)
    assert train(run) == 1
    end = events(run, End)[-1]
    assert end.status == "failed"
    assert message in end.message
    assert end.advice
    assert "Traceback" not in end.message


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        ("pair", {}),
        ("steps", {}),
        ("pair", {"sample_packing": False}),
    ],
)
def test_a_row_that_gives_no_number_is_named(make_run, train, tmp_path, kind, layout):
    """Packed and padded, in the middle of an accumulated batch."""
    import torch
    from safetensors.torch import load_file, save_file

    run = make_run(kind, **({"micro_batch_size": 3, "gradient_accumulation_steps": 4} | layout))
    lines = (tmp_path / "train.jsonl").read_text().replace("w47", "w46").splitlines()
    rows = [json.loads(line) for line in lines]
    rows[13]["input" if kind == "pair" else "prompt"] += " w47"
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    weights = tmp_path / f"llama-{kind}" / "model.safetensors"
    spoiled = load_file(weights)
    spoiled["model.embed_tokens.weight"][47] = torch.nan
    save_file(spoiled, weights, metadata={"format": "pt"})
    assert train(run) == 1
    finding = [event for event in events(run, FindingEvent) if event.code == "not-finite"]
    assert [event.rows for event in finding] == [((0, 13),)]
    assert "0:13" in events(run)[-1].message
    assert not run.model.exists()
