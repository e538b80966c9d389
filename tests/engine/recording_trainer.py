"""The trainer, with a record of what its steps consume: one JSON line a pair or judged step, as the objective takes it.

Usage: recording_trainer.py RUN_DIR RECORD [STOP_AFTER]: the process of rank R appends to `RECORD.R`; after STOP_AFTER
optimizer steps a stop is asked for.

A causal model's score at a token depends on the tokens up to it and on nothing else, so a pair is consumed as the
tokens up to where either side is read, with the margin; a step as those up to the token that carries its label, with
the label. Padding and packing are undone from the batch alone.
"""

import json
import os
import sys
from pathlib import Path

from engine.trainer.begin import begin
from engine.trainer.train import RewardTrainer


def consumed(batch) -> list[list]:
    """What a micro-batch gives the objective: [chosen, rejected, margin] a pair, [ids, label] a judged step."""
    heads = [head(batch, int(place)) for place in batch["read"]]
    weights = batch["weight"].tolist()
    if (labels := batch.get("labels")) is not None:
        found = [[ids, label] for ids, label in zip(heads, labels.tolist(), strict=True)]
    else:
        margins = batch["margin"].tolist() if "margin" in batch else [0.0] * len(weights)
        half = len(heads) // 2
        found = [list(pair) for pair in zip(heads[:half], heads[half:], margins, strict=True)]
    return [entry for entry, weight in zip(found, weights, strict=True) if weight]


def head(batch, place: int) -> list[int]:
    """The tokens that the model sees at a flat position, itself the last: its sequence's beginning."""
    ids = batch["input_ids"]
    if "pack" not in batch:
        row, column = divmod(place, ids.shape[1])
        assert batch["attention_mask"][row, : column + 1].all()
        return ids[row, : column + 1].tolist()
    starts = [0]
    for segment in batch["pack"].segments:
        starts.append(starts[-1] + segment.length)
    own = max(i for i, start in enumerate(starts[:-1]) if start <= place)
    places = [p for i in batch["pack"].segments[own].ancestors for p in range(starts[i], starts[i + 1])]
    places += range(starts[own], place + 1)
    assert batch["position_ids"][0, places].tolist() == list(range(len(places)))
    return ids[0, places].tolist()


def record(to: Path, run_dir: Path, stop_after: int | None = None) -> None:
    """Let every trainer of this process write down what it consumes, and ask for a stop after so many steps."""
    inner = RewardTrainer.compute_loss

    def compute_loss(trainer, model, inputs, return_outputs=False, num_items_in_batch=None):
        if model.training:
            with to.open("a") as file:
                file.writelines(json.dumps(entry) + "\n" for entry in consumed(inputs))
            if stop_after is not None and trainer.state.global_step + 1 == stop_after:
                (run_dir / "stop").touch()
        return inner(trainer, model, inputs, return_outputs, num_items_in_batch)

    RewardTrainer.compute_loss = compute_loss


if __name__ == "__main__":
    folder, to, *stop = sys.argv[1:]
    record(Path(f"{to}.{os.environ.get('RANK', '0')}"), Path(folder), int(stop[0]) if stop else None)
    sys.exit(begin(Path(folder)))
