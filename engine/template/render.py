"""Chat templates rendered as transformers' `apply_chat_template(tokenize=False)` renders them, in the same sandbox.

Templates come from the hub with a tokenizer, so they are untrusted. Beside the sandbox (no access to attributes that
begin with an underscore, nothing of the caller's can be changed) a render is bounded, so that a hostile template costs
an error and not the machine: STEPS loop rounds and calls, SECONDS of wall clock looked at on each of them, TEXT
characters of output or of any text built on the way. Imports neither torch nor transformers.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, wraps
from typing import Any

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from engine.error import EngineError
from engine.sample import Message

STEPS = 3_000_000
"""Loop rounds and calls that one render may take; a real template takes a few a message."""

SECONDS = 10.0
"""Wall-clock time that one render may take."""

TEXT = 64_000_000
"""Characters that a render, or any text it builds on the way, may have."""

WIDTH = 100_000
"""The largest number a filter, a method or a format field may take as a width, count or repetition."""

RESERVED = frozenset({"messages", "chat_template", "tokenize", "return_dict", "return_tensors", "conversation"}) | {
    "continue_final_message",
    "padding",
    "truncation",
    "max_length",
    "return_assistant_tokens_mask",
    "tokenizer_kwargs",
    "sanitize_control_tokens",
}
"""Names that a row's template arguments may not have: they would steer the call, not the template."""


class TemplateError(EngineError):
    """A chat template that cannot be found, compiled or rendered, or that refuses what it was given."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template: its name in the preset's terms, its Jinja source, and where that came from in words."""

    name: str
    source: str
    origin: str


def render(
    template: ChatTemplate,
    messages: Sequence[Message],
    *,
    bos_token: str | None,
    eos_token: str | None,
    add_generation_prompt: bool = False,
    tools: Sequence[Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str:
    """The text of `messages`, character for character as transformers renders it.

    Keys of a message that are None are left out, and a message's reasoning is seen under each of its customary names,
    both as transformers does. `extra` are further variables (other special tokens, a row's `chat_template_kwargs`).
    Raises TemplateError: what the template said or what went wrong, and on which of its lines.
    """
    compiled = compile_template(template)
    try:
        variables = _variables(template, bos_token, eos_token, extra or {})
        variables |= {"add_generation_prompt": add_generation_prompt, "tools": _plain(tools)}
        variables["messages"] = [_message(message) for message in messages]
        if not variables["messages"]:
            raise TemplateError("There is no message to render.", _where(template))
        _METER.start()
        text = compiled.render(variables)
    except TemplateError:
        raise
    except RecursionError as error:
        raise TemplateError("The template, or a value it was given, is nested too deeply.", _where(template)) from error
    except MemoryError as error:
        raise TemplateError("The template needs more memory than there is.", _where(template)) from error
    except Exception as error:
        raise TemplateError(_said(error), _where(template, _line_of(error))) from error
    if len(text) > TEXT:
        raise TemplateError(f"The rendered text has more than {TEXT:,} characters.", _where(template))
    return text


def _variables(
    template: ChatTemplate, bos_token: str | None, eos_token: str | None, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """What a template sees beside messages and tools. Tokens that are None are not there at all."""
    variables: dict[str, Any] = {"documents": None}
    if bos_token is not None:
        variables["bos_token"] = bos_token
    if eos_token is not None:
        variables["eos_token"] = eos_token
    for name, value in extra.items():
        if name in RESERVED:
            raise TemplateError(f"The template argument {name!r} is not a template's to have.", _where(template))
        variables[name] = _plain(value)
    return variables


def compile_template(template: ChatTemplate) -> jinja2.Template:
    """The compiled template, from a cache by source. Raises TemplateError with the line of a syntax error."""
    try:
        return _compiled(template.source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(
            f"The chat template is not valid Jinja: {error.message}.", _where(template, error.lineno)
        ) from error
    except Exception as error:
        raise TemplateError(f"The chat template cannot be compiled: {_said(error)}", _where(template)) from error


def _where(template: ChatTemplate, line: int | None = None) -> str:
    return f"{template.origin}, line {line}" if line else template.origin


def _said(error: BaseException) -> str:
    message = str(error).strip()
    if isinstance(error, jinja2.TemplateError):
        return message or "The template raised an error."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _line_of(error: BaseException) -> int | None:
    traceback, line = error.__traceback__, None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


# --- what a template gets to see


def _message(message: Message) -> dict[str, Any]:
    chat = {key: _plain(value) for key, value in message.items() if value is not None}
    for name in ("reasoning_content", "thinking", "reasoning"):
        if (reasoning := chat.get(name)) is not None:
            return {"thinking": reasoning, **chat, "reasoning_content": reasoning}
    return chat


def _plain(value: Any) -> Any:
    """`value` rebuilt of plain JSON types, so that the sandbox has no method of a richer type to worry about."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return f"<{type(value).__name__}>"


# --- bounds


class _Meter(threading.local):
    """What the render of this thread may still do."""

    steps = 0
    deadline = 0.0

    def start(self) -> None:
        self.steps = STEPS
        self.deadline = time.monotonic() + SECONDS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise SecurityError(f"The template takes more than {STEPS:,} steps.")
        if self.steps % 256 == 0 and time.monotonic() > self.deadline:
            raise SecurityError(f"The template takes longer than {SECONDS:g} seconds.")


_METER = _Meter()


class _Metered:
    """An iterable whose rounds are counted; sized if the original is, since templates ask for `loop.last`."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            _METER.step()
            yield item


class _SizedMetered(_Metered):
    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]


def _metered(items: Any) -> Any:
    return _SizedMetered(items) if hasattr(items, "__len__") else _Metered(items)


def _concatenated(parts: Sequence[Any]) -> str:
    texts = [str(part) for part in parts]
    _bound(sum(map(len, texts)))
    return "".join(texts)


def _bound(characters: int) -> None:
    if characters > TEXT:
        raise SecurityError(f"The template builds a text of more than {TEXT:,} characters.")


_BIG_FIELD = re.compile(r"[0-9]{6,}|\*")


def _check_arguments(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        if type(value) is int and not -WIDTH <= value <= WIDTH:
            raise SecurityError(f"The template asks for {value:.3g}: numbers up to {WIDTH:,} are allowed here.")
    function = getattr(function, "__wrapped__", function)
    subject, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if not isinstance(subject, str):
        return
    if name.startswith("format") and _BIG_FIELD.search(subject):
        raise SecurityError("The template formats a field that is too wide.")
    if name in ("replace", "join"):
        _bound(_grown(name, subject, args))


def _grown(name: str, subject: str, args: tuple[Any, ...]) -> int:
    """An upper bound on the length that `subject.replace(...)` or `subject.join(...)` gives."""
    if name == "replace" and len(args) >= 2 and isinstance(args[0], str) and isinstance(args[1], str):
        return len(subject) + (subject.count(args[0]) if args[0] else len(subject) + 1) * len(args[1])
    if name == "join" and args and isinstance(args[0], (list, tuple)):
        return sum(len(part) + len(subject) for part in args[0] if isinstance(part, str))
    return 0


def _bounded_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        _METER.step()
        _check_arguments(None, args, kwargs)
        name = function.__name__
        if name == "do_format" and args and isinstance(args[0], str) and _BIG_FIELD.search(args[0]):
            raise SecurityError("The template formats a field that is too wide.")
        if name == "do_join" and len(args) > 1 and isinstance(args[1], (list, tuple)):
            glue = args[2] if len(args) > 2 and isinstance(args[2], str) else ""
            _bound(sum(len(part) + len(glue) for part in args[1] if isinstance(part, str)))
        if name == "do_replace" and len(args) > 3 and all(isinstance(part, str) for part in args[1:4]):
            _bound(_grown("replace", args[1], args[2:4]))
        return function(*args, **kwargs)

    return bounded


def _instrument(tree: nodes.Template) -> nodes.Template:
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, "_metered", [], [], None, None, lineno=loop.lineno)
    for concat in list(tree.find_all(nodes.Concat)):
        pieces = nodes.List(list(concat.nodes), lineno=concat.lineno)
        concat.nodes = [nodes.Filter(pieces, "_concatenated", [], [], None, None, lineno=concat.lineno)]
    return tree


class _GenerationTag(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}`, by which templates mark what the assistant wrote: rendered as it is."""

    tags = {"generation"}  # noqa: RUF012 (declared so by jinja2)

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Macro) -> str:
        return caller()


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox of transformers, with bounds."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _instrument(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # The sandbox's further tests (is it a function, a frame, a mutable container …) come out negative for these
        # types, and take most of the time of a template that keeps its state in a namespace.
        if type(obj) in _HARMLESS:
            return not attr.startswith("_")
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and type(left) is type(right) is str:
            _bound(len(left) + len(right))
            return left + right
        if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            _bound(len(left) + len(right))
        elif operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, (str, list, tuple)) and isinstance(times, int):
                    _bound(len(many) * max(times, 0))
        elif operator == "**" and (abs(left) > WIDTH or abs(right) > 64):
            raise SecurityError("The template raises to a power that is too large.")
        elif operator == "%" and isinstance(left, str) and _BIG_FIELD.search(left):
            raise SecurityError("The template formats a field that is too wide.")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        _METER.step()
        if obj is not self.globals["range"]:
            _check_arguments(obj, args, kwargs)
        return super().call(context, obj, *args, **kwargs)


class _TemplateDict:
    """`dict` as templates may have it: called, and `fromkeys`."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


class _TemplateNamespace(Namespace):
    """`namespace()` that refuses underscore-prefixed names, as transformers' does."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        attributes = dict(*rest, **kwargs)
        for name in attributes:
            _check_name(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        Namespace.__setitem__(self, name, value)


_HARMLESS = frozenset({str, LoopContext, _TemplateNamespace})
"""Types of which a template may use whatever does not begin with an underscore."""


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"Chat templates cannot store underscore-prefixed attributes on a namespace: {name!r}.")


def _raise_exception(message: Any) -> None:
    raise jinja2.TemplateError(str(message))


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)


def _environment() -> _Environment:
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.filters |= {name: _bounded_filter(function) for name, function in environment.filters.items()}
    environment.filters |= {"_metered": _metered, "_concatenated": _concatenated}
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    environment.globals["dict"] = _TemplateDict()
    environment.globals["namespace"] = _TemplateNamespace
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(source)
