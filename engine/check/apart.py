"""Rows of one prompt that train apart: what that costs, before it is paid."""

from engine.check.found import SetFinding
from engine.cost.counts import TokenCounts
from engine.preset.schema import Preset

WORTH_SAYING = 1.25
"""How many times as many tokens must be computed as would be, if the rows of a prompt were together."""


def rows_apart(preset: Preset, counts: TokenCounts) -> SetFinding | None:
    """The finding where the order of an epoch scatters rows of one prompt, and that costs much."""
    if preset.sample_packing is False or preset.shuffle_by == "prompt" or not preset.shuffle_merged_datasets:
        return None
    micro = preset.micro_batch_size
    step = micro * preset.gradient_accumulation_steps * preset.num_processes
    at_once = step if preset.micro_batch_tokens else micro
    apart, together = (counts.in_packs(at_once, step, by_prompt=by_prompt)[0] for by_prompt in (False, True))
    if apart < WORTH_SAYING * together:
        return None
    prompts = sum(shared.prompts for shared in counts.shared)
    rows = round(sum(shared.prompts * shared.rows for shared in counts.shared))
    message = (
        f"{rows:,} of {counts.rows:,} training rows share {prompts:,} prompts; shuffled by row, an epoch computes "
        f"about {apart:,.0f} tokens where batches are packed, by prompt about {together:,.0f}"
    )
    return SetFinding("prompts-apart", message, count=rows)
