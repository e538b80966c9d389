"""Which chat template a preset means: by name, the tokenizer's own, a fallback for it, or inline Jinja."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from engine.preset.schema import DatasetConfig, Preset
from engine.template.render import ChatTemplate, TemplateError, compile_template

TOKENIZER_DEFAULT = "tokenizer_default"
FALLBACK = "tokenizer_default_fallback_"
JINJA = "jinja"


def choose_template(preset: Preset, dataset: DatasetConfig, tokenizer_template: str | None) -> ChatTemplate:
    """The template of one data set: its own `chat_template` key if it has one, else the preset's.

    No `chat_template` anywhere means the tokenizer's own, as in axolotl; with `chat_template_jinja` alone, that one.
    Raises TemplateError where there is none, or where it is not valid Jinja.
    """
    holders: tuple[DatasetConfig | Preset, ...] = (dataset, preset)
    named = next((holder for holder in holders if holder.chat_template), None)
    inline = next((holder for holder in holders if holder.chat_template_jinja), None)
    if named and named.chat_template:
        template = _choose(named.chat_template, named.chat_template_jinja, tokenizer_template)
    else:
        choice, text = (JINJA, inline.chat_template_jinja) if inline else (TOKENIZER_DEFAULT, None)
        template = _choose(choice, text, tokenizer_template)
    compile_template(template)
    return template


@cache
def named_templates() -> tuple[str, ...]:
    """The names of the templates that ship with the product, sorted."""
    folder = files("engine.template") / "named"
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(entry.name.removesuffix(".jinja") for entry in folder.iterdir() if entry.name.endswith(".jinja"))
    )


def named_template(name: str) -> ChatTemplate:
    """The shipped template of that name. Raises TemplateError, listing the names there are."""
    if name not in named_templates():
        raise TemplateError(
            f"There is no chat template named {name!r}.",
            "chat_template",
            f"Names: {', '.join((*named_templates(), TOKENIZER_DEFAULT, FALLBACK + 'NAME', JINJA))}.",
        )
    source = (files("engine.template") / "named" / f"{name}.jinja").read_text(encoding="utf-8")
    return ChatTemplate(name, source, f"chat template {name}")


def _choose(choice: str, inline: str | None, tokenizer_template: str | None) -> ChatTemplate:
    if choice == JINJA:
        return _inline(inline)
    if choice == TOKENIZER_DEFAULT or choice.startswith(FALLBACK):
        if tokenizer_template:
            return ChatTemplate(TOKENIZER_DEFAULT, tokenizer_template, "the tokenizer's chat template")
        if choice.startswith(FALLBACK):
            return named_template(choice.removeprefix(FALLBACK))
        raise TemplateError(
            "The tokenizer has no chat template.",
            "chat_template",
            "Name one in the preset, for example `chat_template: chatml`.",
        )
    return named_template(choice)


def _inline(inline: str | None) -> ChatTemplate:
    if not inline:
        raise TemplateError(
            "`chat_template: jinja` needs the template itself.",
            "chat_template_jinja",
            "Write it there, or the path of a file that holds it.",
        )
    if len(inline) < 1000 and "{" not in inline and (path := Path(inline)).is_file():
        try:
            return ChatTemplate(JINJA, path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(
                f"The chat template file cannot be read: {error}.", str(path), "Check `chat_template_jinja`."
            ) from error
    return ChatTemplate(JINJA, inline, "chat_template_jinja")
