"""The named chat templates render what axolotl's templates of the same names render.

`recorded_renders.json` holds conversations, ways to render them, and for each template the recorded text: null where
the recorded template refuses the conversation; options that add nothing are left out.
"""

import json
import re
from pathlib import Path

import pytest

from engine.preset.vocabulary import CHAT_TEMPLATES
from engine.template.choose import named_template, named_templates
from engine.template.render import TemplateError, render

RECORDED = json.loads((Path(__file__).parent / "recorded_renders.json").read_text(encoding="utf-8"))
DATE = "2026-01-02"


def rendered(name: str, conversation: list[dict], options: dict) -> str | None:
    """The text, or None where the template refuses; today's date replaced by the recorded one."""
    tools, generation = options.get("tools"), options.get("add_generation_prompt", False)
    extra = {key: value for key, value in options.items() if key not in ("tools", "add_generation_prompt")}
    try:
        text = render(
            named_template(name),
            conversation,
            bos_token="<s>",
            eos_token="</s>",
            add_generation_prompt=generation,
            tools=tools,
            extra=extra,
        )
    except TemplateError:
        return None
    return re.sub(r"(The current date is )\d{4}-\d\d-\d\d", rf"\g<1>{DATE}", text) if "mistral" in name else text


@pytest.mark.parametrize("name", sorted(RECORDED["renders"]))
def test_a_named_template_renders_as_recorded(name):
    compared = 0
    for case, recorded in RECORDED["renders"][name].items():
        conversation = RECORDED["conversations"][case]
        for option, text in recorded.items():
            found = rendered(name, conversation, RECORDED["options"][option])
            expected = re.sub(r"(The current date is )\d{4}-\d\d-\d\d", rf"\g<1>{DATE}", text) if text else text
            assert found == expected, f"{case}, {option}"
            compared += text is not None
    assert compared > 20


def test_every_named_template_is_recorded():
    assert set(named_templates()) == set(RECORDED["renders"])


def test_the_preset_offers_no_template_that_is_not_there():
    assert set(CHAT_TEMPLATES) - {"tokenizer_default", "jinja"} <= set(named_templates())
