"""What the cut line promises is what training keeps: each promise is compared with a check at that `sequence_len`."""

from random import Random

import pytest

from engine.check.run import check
from engine.prepare.open import open_preset
from engine.prepare.rows import encode_rows
from engine.preset.load import load_preset

WORDS = ["the", "sum", "of", "two", "and", "three", "is", "five", "so", "we", "add", "one", "more", "at", "last"]


def words(random, most):
    return " ".join(random.choice(WORDS) for _ in range(random.randrange(1, most)))


def pairs(count=60):
    """Pairs of all lengths; some begin alike for long, one side is the head of the other, some are of no use."""
    random, rows = Random(3), []
    for row in range(count):
        prompt, alike = words(random, 40), words(random, 30)
        chosen, rejected = alike + words(random, 30), alike + words(random, 30)
        if row % 9 == 0:
            rejected = chosen + words(random, 9)
        if row % 13 == 0:
            rejected = chosen
        rows.append({"input": f"{row} {prompt}", "chosen": chosen, "rejected": rejected})
    rows[7]["chosen"] = None
    return [*rows, rows[20], rows[21]]


def steps(count=60):
    """Steps of all lengths, some not judged, some not at all."""
    random, rows = Random(4), []
    for row in range(count):
        labels = [random.choice((True, False, None)) for _ in range(random.randrange(1, 7))]
        rows.append({"prompt": words(random, 30), "completions": [words(random, 12) for _ in labels], "labels": labels})
        if row % 11 == 0:
            rows[-1]["labels"] = [None] * len(labels)
    return rows


CASES = [
    ("reward_model", pairs, "excess_length_strategy: drop\ndataset_exact_deduplication: true\n"),
    ("reward_model", pairs, "excess_length_strategy: truncate\n"),
    ("reward_model", pairs, "excess_length_strategy: truncate_prompt\n"),
    ("reward_model", pairs, "excess_length_strategy: raise\nval_set_size: 9\n"),
    ("process_reward_model", steps, "excess_length_strategy: drop\n"),
    ("process_reward_model", steps, "    max_completion_length: 150\n"),
]


@pytest.mark.parametrize(("kind", "rows", "lines"), CASES)
def test_each_length_keeps_what_was_promised(write_preset, kind, rows, lines):
    path = write_preset(rows(), f"{lines}sequence_len: 120\n", kind)
    promised = check(open_preset(load_preset(str(path), ()))).budget
    assert promised.limit == 120 and len(promised.at) > 8
    for at in promised.at[::3] + promised.at[-1:]:
        opened = open_preset(load_preset(str(path), (f"sequence_len={at.sequence_len}",)))
        report = check(opened)
        assert report.kept == at.samples, at
        encodings = [row.encoding for _, _, row in encode_rows(opened, "train") if row.kept]
        assert sum(map(tokens, encodings)) == at.tokens, at
        if "max_completion_length" not in lines:
            assert sum(not cut(encoding) for encoding in encodings) == at.whole, at


def test_statistics_of_what_the_limit_costs(write_preset):
    rows = [{"input": "q", "chosen": "a" * (10 if row % 4 else 100), "rejected": "b" * 10} for row in range(8)]
    path = str(write_preset(rows, "sequence_len: 70\n"))
    statistics = check(open_preset(load_preset(path, ()))).statistics
    fits = check(open_preset(load_preset(path, ("sequence_len=200",)))).budget
    short = fits.at[-1].tokens - 2 * 90
    assert (statistics["too_long_share"], statistics["cut_share"]) == (0.25, 0)
    assert statistics["tokens_lost_share"] == pytest.approx((short / 8 * 2 + 2 * 90) / fits.tokens)
    statistics = check(open_preset(load_preset(path, ("excess_length_strategy=truncate",)))).statistics
    assert (statistics["too_long_share"], statistics["cut_share"]) == (0, 0.25)


def tokens(encoding):
    sides = ("chosen_ids", "rejected_ids") if hasattr(encoding, "chosen_ids") else ("input_ids",)
    return sum(len(getattr(encoding, side)) for side in sides)


def cut(encoding):
    return encoding.chosen_cut + encoding.rejected_cut if hasattr(encoding, "chosen_cut") else encoding.cut


def test_nothing_to_count(write_preset):
    rows = [{"input": "q", "chosen": "a", "rejected": "a"}] * 3
    budget = check(open_preset(load_preset(str(write_preset(rows)), ()))).budget
    assert (budget.samples, budget.tokens, [at.sequence_len for at in budget.at]) == (0, 0, [512])
