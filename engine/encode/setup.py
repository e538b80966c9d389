"""What a tokenizer and a chat template do to any row, found out once by trying them on a short one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase

from engine.encode.pooling import Pooling
from engine.encode.tokens import dividers, token_ids
from engine.sample import Conversation
from engine.template.render import ChatTemplate, TemplateError, render

SystemRole = Literal["rendered", "refused", "dropped"]


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Facts that hold for every row alike.

    `variables` are the special tokens that a template sees. `system` says what the template does with a system
    message. `suffix` are the ids that the template writes after an answer, `dividing` the tokens at which rendered
    text may be divided. `adds_bos`: the tokenizer begins plain text with BOS. `added` are the ids of all added tokens,
    `spaces` what is known of tokens that are white space. `pooling` is where the model reads the reward.
    """

    tokenizer: PreTrainedTokenizerBase
    template: ChatTemplate | None
    template_for_tools: ChatTemplate | None
    variables: Mapping[str, Any]
    system: SystemRole
    suffix: tuple[int, ...]
    dividing: tuple[str, ...]
    adds_bos: bool
    added: frozenset[int]
    bos: int | None
    eos: int | None
    pad: int | None
    pooling: Pooling
    spaces: dict[int, bool] = field(default_factory=dict)

    def is_space(self, token: int) -> bool:
        """Whether a token is white space only."""
        known = self.spaces.get(token)
        if known is None:
            # A tokenizer with legacy spaces decodes a `▁` that stands alone to nothing.
            bare = str(self.tokenizer.convert_ids_to_tokens(token)).strip("▁") == ""
            known = self.spaces[token] = bare or str(self.tokenizer.decode([token])).isspace()
        return known

    def rendered(self, side: Conversation, count: int | None = None, add_generation_prompt: bool = False) -> str:
        """The text of a conversation, or of its first `count` messages. Raises TemplateError."""
        template = self.template_for_tools if side.tools is not None else self.template
        if template is None:
            raise TemplateError("There is no chat template to render messages with.", "chat_template")
        arguments = dict(side.template_kwargs)
        prompt = bool(arguments.pop("add_generation_prompt", False)) or add_generation_prompt
        return render(
            template,
            side.messages[:count],
            bos_token=self.tokenizer.bos_token,
            eos_token=self.tokenizer.eos_token,
            add_generation_prompt=prompt,
            tools=None if side.tools is None else list(side.tools),
            extra={**self.variables, **arguments},
        )


@lru_cache(maxsize=8)
def look_at(
    tokenizer: PreTrainedTokenizerBase,
    template: ChatTemplate | None,
    template_for_tools: ChatTemplate | None = None,
    pooling: Pooling = "last",
) -> Setup:
    """Find out what `tokenizer` and `template` (None where the format needs none) do."""
    variables = {
        name: value for name, value in tokenizer.special_tokens_map.items() if name not in ("bos_token", "eos_token")
    }
    bos = tokenizer.bos_token_id
    plain = token_ids(tokenizer, ["a"], True)[0]
    bare = Setup(
        tokenizer=tokenizer,
        template=template,
        template_for_tools=template_for_tools or template,
        variables=variables,
        system="rendered",
        suffix=(),
        dividing=(),
        adds_bos=bos is not None and plain[:1] == [bos],
        added=frozenset(tokenizer.added_tokens_decoder),
        bos=bos,
        eos=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
        pooling=pooling,
    )
    if template is None:
        return bare
    asked = {"role": "user", "content": "Question?"}
    answered = {"role": "assistant", "content": "Zq9."}
    without = _try(bare, Conversation((asked, answered), 1))
    if without is None:
        return bare
    with_system = _try(bare, Conversation(({"role": "system", "content": "Xk7."}, asked, answered), 2))
    system: SystemRole = "refused" if with_system is None else "rendered" if "Xk7." in with_system else "dropped"
    _, _, after = without.rpartition("Zq9.")
    suffix = tuple(token_ids(tokenizer, [after], False)[0]) if after else ()
    spoken = without + (with_system or "")
    return Setup(
        **{name: getattr(bare, name) for name in bare.__dataclass_fields__ if name not in _FOUND},
        system=system,
        suffix=suffix,
        dividing=dividers(tokenizer, spoken),
    )


_FOUND = ("system", "suffix", "dividing")


def _try(setup: Setup, side: Conversation) -> str | None:
    try:
        return setup.rendered(side)
    except TemplateError:
        return None
