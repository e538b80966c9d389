"""Id for id against what axolotl and TRL really made of the recorded rows, but for the differences that are listed."""

KNOBS = ("step_separator", "max_completion_length", "train_on_last_step_only")

# Rows on which we differ from the peers, and the outcome that we want instead: the reason of a refusal, or a finding.
# Every one is tested for what it should be in test_differences.py.
REFUSED = {
    "labels-str-int": "label-value",
    "labels-negative": "label-value",
    "labels-two": "label-value",
    "labels-string": "wrong-type",
    "labels-more": "label-count",
    "completions-string": "wrong-type",
    "conv-missing-content": "missing-field",
    "conv-margin-str": "wrong-type",
    # In the TRL columns made from axolotl's rows, null contents: TRL renders a turn without text, or "None".
    "input-missing": "missing-field",
    "chosen-null": "missing-field",
    "chosen-missing": "missing-field",
}
DIFFERENT = {
    "labels-float-soft": "soft-label",
    "labels-mixed-int-float": "soft-label",
    "no-system-plain": "empty-system",
}
KEPT_WHERE_THE_PEER_FAILS = {"system-null", "extra-prompt", "conv-null-prompt", "labels-mixed-bool-int"}


def settings(recording):
    config = dict(recording.config)
    dataset = dict((config.get("datasets") or [{}])[0])
    template = config.get("chat_template") or (config.get("chat_template_path") or "").removeprefix("named:")
    limit = config["sequence_len"] if recording.peer == "axolotl" else config["max_length"]
    # axolotl leaves one token more to a preset that is not of a reward model; ours always is.
    limit = limit + 1 if "reward_model" in config and config["reward_model"] is None else limit
    preset = {
        "chat_template": template.removesuffix(".jinja") or None,
        "sequence_len": limit,
        "excess_length_strategy": "truncate" if recording.peer == "axolotl" else None,
    }
    if recording.peer == "axolotl":
        dataset = {name: value for name, value in dataset.items() if name not in KNOBS}
    else:
        dataset = {name: config[name] for name in KNOBS if name in config}
    return preset, dataset


def ids_of(encoding):
    if encoding is None:
        return None
    if hasattr(encoding, "chosen_ids"):
        return {"chosen_ids": encoding.chosen_ids, "rejected_ids": encoding.rejected_ids}
    return {"input_ids": encoding.input_ids, "labels": encoding.labels}


def test_ids_are_the_peers(recording, encode, oracle):
    if "bt-type-" in recording.name:
        assert all("error" in outcome for outcome in recording.outcomes), "axolotl has none of these types"
        return
    preset, dataset = settings(recording)
    type_ = dataset.pop("type", None)
    kind = "pair" if recording.kind == "bt" else "steps"
    same = 0
    for row, theirs in zip(oracle.rows(recording.rows), recording.outcomes, strict=True):
        case = row["_id"]
        (ours,), _ = encode(
            row,
            tokenizer=oracle.tokenizer(recording.tokenizer),
            type_=type_,
            kind=kind,
            columns=oracle.columns.get(recording.rows, ()),
            preset=preset,
            dataset=dataset,
        )
        codes = {finding.code for finding in ours.findings}
        reason = ours.refusal.reason if ours.refusal else None
        expected = {key: theirs[key] for key in ("chosen_ids", "rejected_ids", "input_ids", "labels") if key in theirs}
        if "error" in theirs:
            assert reason or case in KEPT_WHERE_THE_PEER_FAILS or codes & {"soft-label"}, (case, theirs["error"])
        elif theirs.get("dropped"):
            assert reason in ("too-long", "no-labels"), case
        elif case == "pretokenized-ids-only" and recording.peer != "axolotl":
            assert ours.kept or reason == "no-labels"  # TRL takes any `input_ids` there are; we read the steps
        elif ids_of(ours.encoding) == expected:
            same += 1
            # With roles_to_train, axolotl takes the full render, as we do.
            assert "template-splice" not in codes or recording.name == "bt-roles", case
            assert ours.kept or reason in ("identical-pair", "identical-after-truncation", "no-labels"), case
        elif case in REFUSED and reason:
            assert reason == REFUSED[case], case
        elif case == "step-empty-last" and dataset.get("step_separator") == "":
            assert reason == "empty-step"  # TRL's labels are one longer than its ids here
        else:
            assert DIFFERENT.get(case, "template-splice") in codes, (case, expected, ids_of(ours.encoding), codes)
    assert same >= 18
