"""What is said about the token under the cursor, and by the legend."""

from dataclasses import replace

from engine.encode.encoding import NO_TOKEN
from workbench.widgets.token_inspector import describe_token
from workbench.widgets.token_legend import pair_legend, steps_legend


def lines(side, row, token):
    return str(describe_token(side, row.sequences[1 if side == "rejected" else 0], token, row)).split("\n")


def place_of(sequence, piece):
    return next(place for place, one in enumerate(sequence.pieces) if one == piece)


def test_a_token_says_its_text_its_bytes_and_where_in_its_column_it_comes_from(make_pair):
    row = make_pair(0)
    sequence = row.sequences[0]
    token = place_of(sequence, "▁1908")
    what, where, _ = lines("chosen", row, token)
    start = row.sequences[0].field_starts[token]
    assert f"‹ 1908›  token {token} of {len(sequence.ids)} (chosen)  id {sequence.ids[token]}" in what
    assert "piece ‹▁1908›" in what and "bytes 20 31 39 30 38" in what
    assert f"part assistant turn  from column chosen, characters {start}-{start + 5}" in where
    assert "The capital of Australia is **Canberra**. It was chosen in 1908"[start:] == " 1908"


def test_a_token_of_a_pair_says_how_far_the_reward_is(make_pair):
    row = make_pair(0)
    last = row.sequences[0].pooled
    assert "▲ the reward is read from this token's hidden state" in lines("chosen", row, last)[2]
    assert "▲ the reward is read 1 token further on   special token" in lines("chosen", row, last - 1)[2]
    assert f"{last} tokens further on   special token   the same on both sides" in lines("chosen", row, 0)[2]
    mean = replace(row, sequences=tuple(replace(side, pooled=NO_TOKEN) for side in row.sequences))
    assert "the mean of all tokens" in lines("rejected", mean, 3)[2]
    first = replace(row, sequences=tuple(replace(side, pooled=0) for side in row.sequences))
    assert "the reward is read 3 tokens before" in lines("rejected", first, 3)[2]


def test_a_cut_token_and_a_dropped_row_say_so(make_pair):
    row = make_pair(0, limit=45, kept=False, reason="too-long", message="too long by far")
    verdict = lines("chosen", row, 46)[2]
    assert "the row is dropped (too-long)" in verdict and "the model never sees this token" in verdict


def test_a_row_without_tokens_says_why(make_pair):
    row = replace(make_pair(0), sequences=(), kept=False, reason="missing-field", message="chosen is null\x1b[2J")
    assert str(describe_token("chosen", None, 0, row)) == (
        "No tokens: the row was dropped before it had any (missing-field).\nchosen is null␛[2J"
    )


def test_a_masked_token_says_where_its_step_is_judged(steps):
    row = steps(1)[0]
    labelled = next(place for place, label in enumerate(row.sequences[0].labels) if label == 1)
    assert "label ✓1: the loss is taken here" in lines("steps", row, labelled)[2]
    masked = lines("steps", row, labelled - 2)
    assert "part step 1" in masked[1]
    assert "masked (label -100): no loss here; the step's label is 2 tokens further on" in masked[2]


def test_the_legend_explains_what_is_there_and_nothing_else(make_pair, steps):
    def said(entries):
        return [text.strip() for _, text in entries]

    whole, cut = make_pair(0), make_pair(0, limit=45)
    assert said(pair_legend(whole.sequences, 28, (18, 5))) == [
        "┆ same on both sides", "│ 18 words of chosen only", "│ 5 words of rejected only", "special token",
    ]  # fmt: skip
    assert said(pair_legend(cut.sequences, 0, (1, 0))) == [
        "× cut: never seen", "│ 1 word of chosen only", "special token",
    ]  # fmt: skip
    assert said(steps_legend(steps(1)[0].sequences[0])) == [
        "faint: no loss", "✓1 right step", "✗0 wrong step", "~ in between", "· not judged", "special token",
    ]  # fmt: skip
