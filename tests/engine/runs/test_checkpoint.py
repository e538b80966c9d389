"""Which checkpoints are whole, and which one is gone on from."""

import pytest

from engine.runs.checkpoint import damage, discard_broken, resume_point, seal, sealed_checkpoints, whole_checkpoints
from engine.runs.error import RunError


@pytest.fixture
def save(tmp_path):
    """Saves a checkpoint as the trainer does: files, their seal, and then the state."""

    def saved(step, state='{"global_step": 1}'):
        folder = tmp_path / f"checkpoint-{step}"
        (folder / "global_step1").mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"w" * 100)
        (folder / "global_step1" / "shard.pt").write_bytes(b"s" * 50)
        seal(folder)
        if state:
            (folder / "trainer_state.json").write_text(state)
        return folder

    return saved


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"w"), "model.safetensors has 1 bytes of 100"),
        (lambda folder: (folder / "global_step1" / "shard.pt").write_bytes(b""), "global_step1/shard.pt has 0 bytes"),
        (lambda folder: (folder / "files.json").write_text("{"), "files.json cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_kept(save, tmp_path, spoil, said):
    first, second = save(9), save(10)
    assert whole_checkpoints(tmp_path) == [first, second]
    spoil(second)
    assert said in damage(second)
    assert whole_checkpoints(tmp_path) == [first]
    assert sealed_checkpoints(tmp_path) == [first, second]
    assert resume_point(tmp_path, None) == first
    assert discard_broken(tmp_path) == []
    with pytest.raises(RunError, match="is damaged: "):
        resume_point(tmp_path / "other", str(second))


def test_what_was_cut_off_while_saving_is_removed(save, tmp_path):
    whole = save(9)
    save(10, state="")
    save(11, state='{"global_')
    (tmp_path / "model.part").mkdir()
    assert sorted(path.name for path in discard_broken(tmp_path)) == ["checkpoint-10", "checkpoint-11", "model.part"]
    assert [*tmp_path.glob("checkpoint-*"), *tmp_path.glob("model*")] == [whole]


def test_a_checkpoint_of_another_trainer_has_no_list_of_its_files(save, tmp_path):
    folder = save(9)
    (folder / "files.json").unlink()
    (folder / "model.safetensors").unlink()
    assert damage(folder) == ""
    assert resume_point(tmp_path / "other", str(folder)) == folder
