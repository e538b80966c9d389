"""From rows to encodings: the one way by which the preview, the checks and the trainer get token ids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from engine.encode.encoding import EncodedRow
from engine.encode.limits import Limits
from engine.encode.pairs import PairPlan, plan_pair
from engine.encode.pooling import Pooling
from engine.encode.prompt import prompt_number
from engine.encode.setup import Setup, look_at
from engine.encode.steps import StepsPlan, StepsRules, plan_steps
from engine.encode.tokens import Texts
from engine.finding import Refusal
from engine.format.format import Format
from engine.preset.schema import DatasetConfig, Preset
from engine.sample import Pair, Sample, SampleId
from engine.source.row import Row
from engine.template.choose import choose_template
from engine.template.render import ChatTemplate


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Everything that one data set's rows are encoded with."""

    tokenizer: PreTrainedTokenizerBase
    format: Format
    template: ChatTemplate | None
    setup: Setup
    limits: Limits
    steps: StepsRules

    @property
    def template_name(self) -> str:
        """The chat template in use, in the preset's terms, and where it is from; "none" where none is needed."""
        return f"{self.template.name} ({self.template.origin})" if self.template else "none"

    @property
    def step_separator(self) -> str:
        """What is written after each step."""
        return self.steps.separator

    def sample(self, row: Row, item: int) -> Sample | None:
        """Sample `item` of a row, still text; None where the row has none."""
        samples = self.format.convert(row).samples
        return samples[item] if item < len(samples) else None


def make_encoder(
    preset: Preset,
    dataset: DatasetConfig,
    tokenizer: PreTrainedTokenizerBase,
    fmt: Format,
    *,
    pooling: Pooling = "last",
    evaluating: bool = False,
) -> Encoder:
    """The encoder of one data set.

    `evaluating` rows keep every step's label, whatever `train_on_last_step_only` says. Raises TemplateError where the
    format needs a chat template and none can be had.
    """
    template = for_tools = None
    if fmt.needs_template:
        own, own_for_tools = _own_templates(tokenizer)
        template = choose_template(preset, dataset, own)
        for_tools = choose_template(preset, dataset, own_for_tools or own)
    strategy = preset.excess_length_strategy or ("drop" if fmt.kind == "pair" else "truncate")
    return Encoder(
        tokenizer=tokenizer,
        format=fmt,
        template=template,
        setup=look_at(tokenizer, template, for_tools, pooling),
        limits=Limits(preset.sequence_len, strategy),
        steps=StepsRules(
            separator=dataset.step_separator,
            max_completion_length=dataset.max_completion_length,
            last_only=dataset.train_on_last_step_only and not evaluating,
        ),
    )


def encode_batch(encoder: Encoder, rows: Sequence[tuple[SampleId, Row]]) -> list[EncodedRow]:
    """Encode rows: one result a sample, in order, kept or refused with its reason.

    A row that gives several samples numbers them in `id.item`; a refused row gives one result. No row raises.
    """
    texts = Texts()
    plans: list[EncodedRow | PairPlan | StepsPlan] = []
    prompts: dict[SampleId, int] = {}
    for where, row in rows:
        converted = encoder.format.convert(row)
        if converted.refusal:
            plans.append(EncodedRow(where, None, converted.refusal, converted.findings))
        elif not converted.samples:
            plans.append(EncodedRow(where, None, Refusal("no-labels", "the row holds no sample"), converted.findings))
        for item, sample in enumerate(converted.samples):
            place = SampleId(where.dataset, where.row, item)
            findings = list(converted.findings)
            prompts[place] = prompt_number(sample)
            if isinstance(sample, Pair):
                like_axolotl = encoder.format.name == "bradley_terry.chat_template"
                plans.append(plan_pair(encoder.setup, place, sample, findings, texts, compare_splice=like_axolotl))
            else:
                plans.append(plan_steps(encoder.setup, place, sample, findings, texts, rules=encoder.steps))
    ids = texts.tokenise(encoder.tokenizer)
    return [
        plan if isinstance(plan, EncodedRow) else replace(plan.finish(encoder.limits, ids), prompt=prompts[plan.where])
        for plan in plans
    ]


def _own_templates(tokenizer: PreTrainedTokenizerBase) -> tuple[str | None, str | None]:
    """The tokenizer's own chat template, and the one it has for conversations with tools, if they are two."""
    own = getattr(tokenizer, "chat_template", None)
    if isinstance(own, dict):
        return own.get("default"), own.get("tool_use")
    return own, None
