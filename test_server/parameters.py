"""The parameters of an instruction: from JSON to what its function takes, or why not."""

import inspect
import json
import re
from collections.abc import Callable
from types import NoneType
from typing import Any, NewType, get_args

from panel import money

Micros = NewType("Micros", int)
"""An amount, written as a decimal number: "12.50"."""

MAX_DIGITS = 15

_HALF = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can write, and no database takes."""


class BadInstruction(ValueError):
    """An instruction that cannot be followed; the text is for whoever wrote it."""


def read_instruction(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; numbers with decimals stay texts.

    :raises BadInstruction: for anything else.
    """
    such = 'a JSON object such as {"do": "fund", "amount": "12.50"}'
    if not body.strip():
        raise BadInstruction(f"the body is empty: send {such}")
    try:
        instruction = json.loads(body, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInstruction(f"the body is no JSON ({where}): send {such}") from None
    except (ValueError, RecursionError):
        raise BadInstruction(f"the body is no JSON: send {such}") from None
    if not isinstance(instruction, dict):
        raise BadInstruction(f"the body is {_kind(instruction)}: send {such}")
    return instruction


def read_parameters(
    name: str, function: Callable[..., Any], given: dict[str, Any]
) -> dict[str, Any]:
    """What a function takes after its first argument; null stands for what is not given.

    :raises BadInstruction: naming the parameter that is unknown, missing or wrong.
    """
    known = dict([*inspect.signature(function, eval_str=True).parameters.items()][1:])
    for parameter in given:
        if parameter not in known:
            only = ", ".join(known)
            raise BadInstruction(f"{name!r} takes no parameter {parameter!r}, only: {only}")
    given = {parameter: value for parameter, value in given.items() if value is not None}
    for parameter, described in known.items():
        if described.default is described.empty and parameter not in given:
            raise BadInstruction(f"{name!r} needs the parameter {parameter!r}")
    return {
        parameter: _read(parameter, known[parameter].annotation, value)
        for parameter, value in given.items()
    }


def _read(parameter: str, annotation: Any, value: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    reader, wanted = READERS[kinds[0]]
    try:
        return reader(value)
    except ValueError as error:
        shown = json.dumps(value, ensure_ascii=False)[:100]
        why = f": {error}" if str(error) else f" is {shown}, and must be {wanted}"
        raise BadInstruction(f"{parameter!r}{why}") from None


def _whole(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 10**MAX_DIGITS:
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or _HALF.search(value):
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError
    return money.parse(str(value))


READERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    int: (_whole, "a whole number of at most 15 digits"),
    str: (_text, "a text"),
    bool: (_flag, "true or false"),
    Micros: (_amount, 'an amount such as "12.50"'),
}
"""How each type of the functions' parameters is read, and what it must be, in words."""


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", NoneType: "null"}
    return kinds.get(type(value), "a number")
