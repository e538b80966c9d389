"""The types of a preset's values.

Each accepts what axolotl accepts for such a value (a number in quotes is a number, `yes` is true) and otherwise says
what was expected and what was found.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast, get_args

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from engine.preset.suggest import did_you_mean

_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_DIGITS = re.compile(r"[-+]?[0-9]{1,18}")


def describe(value: object) -> str:
    """A value as an error message names it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            shown = value if len(value) <= 40 else value[:39] + "…"
            return f"text '{shown}'" if value else "empty text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return type(value).__name__


def expected(what: str, value: object) -> PydanticCustomError:
    """The error of a value that is not what its key needs; what is nearly true or false is asked about."""
    hint = did_you_mean(value, ("true", "false")) if isinstance(value, str) and "true" in what else ""
    context = {"what": what, "found": describe(value), "hint": hint}
    return PydanticCustomError("expected", "expected {what}, found {found}{hint}", context)


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise expected("true or false", value)


def _whole(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    raise expected("a whole number", value)


def _number(value: object) -> object:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise expected("a number", value) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise expected("a number", value)


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        raise PydanticCustomError(
            "expected", "expected text, found {found}: put it in quotes", {"found": describe(value)}
        )
    raise expected("text", value)


def _some_text(value: object) -> object:
    text = _text(value)
    if not cast("str", text).strip():
        raise expected("text", "")
    return text


def _texts(value: object) -> object:
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        if not isinstance(item, str):
            raise expected("text or a list of texts", item if isinstance(value, list | tuple) else value)
    return tuple(items)


def _mapping(value: object) -> object:
    if not isinstance(value, dict):
        raise expected("a mapping", value)
    return value


def _text_or_mapping(value: object) -> object:
    if not isinstance(value, str | dict):
        raise expected("text or a mapping", value)
    return value


def _count_or_share(value: object) -> object:
    number = cast("float", _number(value))
    if number <= 0 or (number > 1 and not number.is_integer()):
        raise expected("a number of steps, or a share of all steps between 0 and 1", value)
    return number if number < 1 else int(number)


def _size_or_share(value: object) -> object:
    number = cast("float", _number(value))
    if number < 0 or (number > 1 and not number.is_integer()):
        raise expected("a share between 0 and 1, or a number of samples", value)
    return number if number <= 1 else int(number)


def one_of(*names: str) -> Callable[[object], object]:
    """A check that a value is one of these names, with the nearest of them where it is not."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in names:
            return value
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        listed = "a known name" if hint and len(names) > 8 else f"one of {', '.join(names)}"
        raise PydanticCustomError(
            "expected",
            "expected {listed}, found {found}{hint}",
            {"listed": listed, "found": describe(value), "hint": hint},
        )

    return check


def flag_or(*names: str) -> Callable[[object], object]:
    """A check that a value is true, false or one of these names."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in names:
            return value
        try:
            return _flag(value)
        except PydanticCustomError:
            raise expected(f"{', '.join(('true', 'false', *names[:-1]))} or {names[-1]}", value) from None

    return check


def choice(literal: Any) -> Any:
    """A field type of the names of a `Literal`."""
    return Annotated[literal, BeforeValidator(one_of(*get_args(literal)))]


Flag = Annotated[bool, BeforeValidator(_flag)]
AutoFlag = Annotated[bool | Literal["auto"], BeforeValidator(flag_or("auto"))]
Bf16 = Annotated[bool | Literal["auto", "full"], BeforeValidator(flag_or("auto", "full"))]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, Ge(0), BeforeValidator(_whole)]
Positive = Annotated[int, Ge(1), BeforeValidator(_whole)]
NonNegative = Annotated[float, Ge(0), BeforeValidator(_number)]
PositiveNumber = Annotated[float, Gt(0), BeforeValidator(_number)]
Share = Annotated[float, Ge(0), Le(1), BeforeValidator(_number)]
CountOrShare = Annotated[int | float, BeforeValidator(_count_or_share)]
SizeOrShare = Annotated[int | float, BeforeValidator(_size_or_share)]
Text = Annotated[str, BeforeValidator(_text)]
SomeText = Annotated[str, BeforeValidator(_some_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
TextOrMapping = Annotated[str | dict[str, Any], BeforeValidator(_text_or_mapping)]
Mapping = Annotated[dict[str, Any], BeforeValidator(_mapping)]
