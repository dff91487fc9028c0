"""What one scalar means to Kubernetes.

kubectl reads YAML with its own descendant of go-yaml 2 and turns the result into JSON. Each fact here was asked of
kubectl 1.37 (``tests/documents/test_kubectl_oracle.py`` asks again).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal

Scalar = str | int | float | bool | None

MERGE = object()
"""The meaning of a plain ``<<``: a merge where it is a key, a string anywhere else."""

_INT64 = 2**63
_TAG = "tag:yaml.org,2002:"
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_STARTS = frozenset("0123456789+-.")
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")


class BadScalarError(ValueError):
    """A scalar that its tag does not allow. The message holds the tag and never the value."""


def plain(text: str) -> Scalar | object:
    """The meaning of an unquoted scalar without a tag; :data:`MERGE` for ``<<``.

    Numbers are raw: :func:`as_json` makes of them what a JSON reader sees.
    """
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first not in _STARTS:
        return MERGE if text == "<<" else text
    digits = text.replace("_", "")
    if first == ".":
        # Go's own rule for underscores holds here: one at a time, between digits.
        number: float | None = float(digits) if _POINT_FLOAT.fullmatch(text) else None
    else:
        number = _number(digits)
    # A float that is too big for Go is none, and so the scalar stays a string.
    return text if number is None or math.isinf(number) else number


def _number(digits: str) -> float | None:
    """A number as Go reads it with base 0: an integer of 64 bits if it is one, else a float."""
    match = _INTEGER.fullmatch(digits)
    if match:
        value = _integer(match[1], match[2].lower())
        if value is not None and -_INT64 <= value < 2 * _INT64 and not (match[1] and value >= _INT64):
            return value
    if _FLOAT.fullmatch(digits):
        return float(digits)
    signed = _SIGNED_BINARY.fullmatch(digits)
    if signed and len(signed[1]) <= 64:
        return int(signed[1], 2)
    return None


def _integer(sign: str, digits: str) -> int | None:
    """The integer, or None where it has more digits than any of 64 bits can have."""
    base = _BASES.get(digits[:2], 8 if digits[0] == "0" else 10)
    significant = digits[2:] if digits[:2] in _BASES else digits
    significant = significant.lstrip("0") or "0"
    if len(significant) > 64:
        return None
    return int(sign + significant, base)


def tagged(text: str, tag: str) -> Scalar:
    """The meaning of a scalar with a tag; an unknown tag makes a string.

    Raises:
        BadScalarError: The text is no such thing.
    """
    name = tag.removeprefix(_TAG)
    if name == "binary" and name != tag:
        try:
            data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            raise BadScalarError("a value with the tag !!binary is not valid base64") from None
        return data.decode("utf-8", "replace")
    if name == tag or name not in {"bool", "int", "float", "null"}:
        return text
    value = plain(text)
    if isinstance(value, int) and not isinstance(value, bool) and name == "float":
        return float(value)
    kinds = {"bool": bool, "int": int, "float": float, "null": type(None)}
    if type(value) is not kinds[name]:
        raise BadScalarError(f"a value with the tag !!{name} is none")
    return value  # type: ignore[return-value]


def as_json(value: Scalar) -> Scalar:
    """A number as it is after a way through JSON: integers of 64 bits are integers, others floats.

    Raises:
        BadScalarError: JSON has no infinity and no "not a number".
    """
    kind = type(value)
    if kind is int:
        return value if -_INT64 <= value < _INT64 else float(value)  # type: ignore[operator, arg-type]
    if kind is not float:
        return value
    number: float = value  # type: ignore[assignment]
    if not math.isfinite(number):
        raise BadScalarError("infinity and NaN cannot be written as JSON")
    if abs(number) < 1e19 and number.is_integer():
        # JSON holds the shortest digits that name the float, and those digits are then read as an integer.
        whole = int(Decimal(repr(number)))
        return whole if -_INT64 <= whole < _INT64 else number
    return number


def key_text(value: object) -> str:
    """The string that a mapping key becomes.

    Raises:
        BadScalarError: The key cannot become one.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value < _INT64:
        return str(value)
    if isinstance(value, float):
        return _float_key(value)
    what = {type(None): "null", dict: "a mapping", list: "a list", int: "an integer beyond 64 bits"}
    raise BadScalarError(f"a key is {what.get(type(value), 'no string')}")


def _float_key(number: float) -> str:
    """Go's shortest form with the precision of 32 bits, which is what go-yaml writes for a float key."""
    packed = struct.pack("f", number)
    narrow = struct.unpack("f", packed)[0]
    if math.isnan(narrow):
        return ".nan"
    if math.isinf(narrow):
        return ".inf" if narrow > 0 else "-.inf"
    shorter = (f"{narrow:.{digits}e}" for digits in range(9))
    text = next(text for text in shorter if struct.pack("f", float(text)) == packed)
    mantissa, _, exponent = text.partition("e")
    return f"{Decimal(text):f}" if -4 <= int(exponent) < 6 else f"{mantissa}e{exponent}"
