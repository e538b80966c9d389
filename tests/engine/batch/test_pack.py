import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch.pack import PackCollator, Tree
from engine.batch.schedule import SlottedRow
from engine.encode.encoding import EncodedRow, PairEncoding, StepsEncoding
from engine.sample import SampleId


def row(encoding):
    return SlottedRow(EncodedRow(SampleId(0, 0), encoding, None), False)


def path_of(tree, sequence):
    """The tokens and positions that a sequence's tokens find at their places in the pack."""
    places = [tree.place(sequence, position) for position in range(len(tree._sequences[sequence]))]
    return [tree.ids[place] for place in places], [tree.positions[place] for place in places]


def test_a_shared_prompt_lies_there_once():
    prompt = list(range(100, 120))
    tree = Tree([[*prompt, 1, 2], [*prompt, 3]])
    assert tree.ids == [*prompt, 1, 2, 3]
    assert tree.positions == [*range(22), 20]
    assert [(s.length, s.ancestors, s.depth) for s in tree.segments] == [(20, (), 0), (2, (0,), 20), (1, (0,), 20)]


def test_a_beginning_that_saves_nothing_is_not_shared():
    assert Tree([[1, 2, 3], [1, 2, 4]]).ids == [1, 2, 3, 1, 2, 4]


def test_equal_sequences_and_prefixes_of_each_other():
    long = list(range(50, 70))
    tree = Tree([long, long[:12], long, long[:12]])
    assert tree.ids == long
    assert tree.place(1, 11) == tree.place(3, 11) == tree.place(0, 11) == 11


def test_traces_of_one_prompt_share_what_they_begin_with():
    prompt, step = list(range(30)), list(range(40, 52))
    tree = Tree([[*prompt, *step, 1], [*prompt, *step, 2], [*prompt, 60]])
    assert len(tree.ids) == 30 + 12 + 3
    assert sorted(len(segment.ancestors) for segment in tree.segments) == [0, 1, 1, 2, 2]


tokens = st.integers(0, 2)
stems = st.lists(st.lists(tokens, max_size=20), min_size=1, max_size=3)


@st.composite
def families(draw):
    """Sequences that begin alike, are equal, or are prefixes of each other; long enough to be worth sharing."""
    sequences = []
    for stem in draw(stems):
        sequences += [stem + end for end in draw(st.lists(st.lists(tokens, max_size=12), max_size=4))]
    sequences += [
        draw(st.sampled_from(sequences))[: draw(st.integers(1, 30))]
        for _ in range(draw(st.integers(0, 3)))
        if sequences
    ]
    return [sequence for sequence in sequences if sequence] or [[0]]


@settings(max_examples=150, deadline=None)
@given(families())
def test_a_sequence_is_its_segments(sequences):
    """Each can be put together again from what its last token may attend to: the segments above, and its own to it."""
    tree = Tree(sequences)
    assert tree.ids == [token for ids, _ in segments_of(tree) for token in ids]
    assert len(tree.ids) <= sum(map(len, sequences))
    starts = np.cumsum([0, *(segment.length for segment in tree.segments)])
    for index, ids in enumerate(sequences):
        assert path_of(tree, index) == (ids, list(range(len(ids))))
        last = tree.place(index, len(ids) - 1)
        own = int(np.searchsorted(starts, last, side="right")) - 1
        read = [*tree.segments[own].ancestors, own]
        seen = [place for segment in read for place in range(starts[segment], starts[segment + 1]) if place <= last]
        assert [tree.ids[place] for place in seen] == ids
        assert [tree.positions[place] for place in seen] == list(range(len(ids)))
        with pytest.raises(IndexError):
            tree.place(index, 1000)


@settings(max_examples=60, deadline=None)
@given(families(), st.data())
def test_what_is_read_of_a_pack_is_what_is_read_of_the_sequences(sequences, data):
    encodings = []
    for ids in sequences:
        labels = data.draw(st.lists(st.sampled_from([-100, 0, 1]), min_size=len(ids), max_size=len(ids)))
        encodings.append(StepsEncoding(ids, labels))
    batch = PackCollator()([row(encoding) for encoding in encodings])
    read = [(ids[at], at) for ids, e in zip(sequences, encodings, strict=True) for at in judged(e)]
    assert batch["input_ids"][0, batch["read"]].tolist() == [token for token, _ in read]
    assert batch["position_ids"][0, batch["read"]].tolist() == [at for _, at in read]
    plan = batch["pack"]
    assert plan.kept[plan.rank].equal(batch["read"])
    assert sum(plan.lengths) == batch["computed"] == batch["input_ids"].shape[1] <= batch["tokens"]
    assert sum(plan.kept_by_segment) == len(plan.kept) == len(set(batch["read"].tolist()))
    assert batch["labels"].tolist() == [e.labels[at] for e in encodings for at in judged(e)]


def judged(encoding):
    return [at for at, label in enumerate(encoding.labels) if label != -100]


def segments_of(tree):
    start = 0
    for segment in tree.segments:
        yield tree.ids[start : start + segment.length], segment
        start += segment.length


def test_ancestors_are_the_tokens_before():
    prompt = list(range(100, 130))
    tree = Tree([[*prompt, 1, 2], [*prompt, 3, 4], [5, 6, 7]])
    starts = [0]
    for segment in tree.segments:
        starts.append(starts[-1] + segment.length)
    for index, segment in enumerate(tree.segments):
        above = [tree.ids[starts[a] + i] for a in segment.ancestors for i in range(tree.segments[a].length)]
        assert len(above) == segment.depth
        assert tree.positions[starts[index]] == segment.depth


def test_pairs_are_read_chosen_then_rejected():
    prompt = list(range(10, 30))
    chosen, rejected = [*prompt, 1, 2], [*prompt, 3]
    batch = PackCollator()([row(PairEncoding(chosen, rejected, 21, 20, 20)), row(PairEncoding([7], [8, 9], 0, 1, 0))])
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 7, 3, 9]
    assert batch["pack"].kept[batch["pack"].rank].equal(batch["read"])
    assert sum(batch["pack"].kept_by_segment) == len(batch["pack"].kept) == 4
    assert (batch["tokens"], batch["computed"], batch["padding"]) == (46, 26, 0)


def test_two_pairs_on_one_answer_read_it_once():
    prompt = list(range(10, 30))
    best, worse, worst = [*prompt, 1], [*prompt, 2], [*prompt, 3]
    pairs = [PairEncoding(a, b, 20, 20, 20) for a, b in ((best, worse), (best, worst), (worse, worst))]
    batch = PackCollator()([row(pair) for pair in pairs])
    assert batch["computed"] == 23
    assert len(batch["pack"].kept) == 3
    assert batch["input_ids"][0, batch["read"]].tolist() == [1, 1, 2, 2, 3, 3]


def test_steps_keep_their_labels():
    steps = [StepsEncoding([1, 2, 3], [-100, 1, 0]), StepsEncoding([4, 5], [-100, 0.5])]
    batch = PackCollator()([row(s) for s in steps])
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 3, 5]
    torch.testing.assert_close(batch["labels"], torch.tensor([1, 0, 0.5]))


def test_what_follows_the_last_token_read_is_not_computed():
    steps = [StepsEncoding([1, 2, 3, 4, 5], [-100, 1, 0, -100, -100]), StepsEncoding([6, 7], [-100, 1])]
    batch = PackCollator()([row(s) for s in steps])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 6, 7]]
    assert batch["input_ids"][0, batch["read"]].tolist() == [2, 3, 7]
    assert (batch["tokens"], batch["computed"]) == (7, 5)
