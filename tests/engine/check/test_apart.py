"""What it costs that rows of one prompt train apart, said before training."""

import pytest

from engine.check.apart import rows_apart
from engine.cost.counts import Shared, TokenCounts
from engine.preset.schema import Preset

RANKED = TokenCounts(600, 1200, 240_000, 150_000, (200,), (250,), (Shared(6, 100, 110_000),), unit=6)
SINGLE = TokenCounts(600, 1200, 240_000, 150_000, (200,), (250,))


def preset_of(**values):
    base = {"base_model": "tiny", "reward_model": True, "datasets": [{"path": "none"}], "micro_batch_size": 12}
    return Preset.model_validate(base | values)


def test_scattered_prompts_are_told_with_what_they_cost():
    found = rows_apart(preset_of(), RANKED)
    assert found.code == "prompts-apart"
    assert found.count == 600
    assert "600 of 600 training rows share 100 prompts" in found.message
    assert "by prompt about 40,000" in found.message


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, SINGLE),
        ({"shuffle_by": "prompt"}, RANKED),
        ({"shuffle_merged_datasets": False}, RANKED),
        ({"sample_packing": False}, RANKED),
        ({"micro_batch_size": 1}, RANKED),
        ({"micro_batch_size": 1, "gradient_accumulation_steps": 600}, RANKED),
    ],
)
def test_nothing_is_said_where_nothing_is_to_be_had(values, counts):
    assert rows_apart(preset_of(**values), counts) is None
