"""The filters that Kubernetes templates use and Jinja lacks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from jinja2 import Undefined


def to_yaml(value: Any) -> str:
    """Block YAML in the order of the values, without the line break at the end."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Indents lists below their key as people do, and writes repeated parts out."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    text: str = yaml.dump(
        plain(value), Dumper=Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1 << 30
    )
    # A scalar alone is followed by an end mark that must not stand inside a document.
    return text.removesuffix("\n").removesuffix("\n...")


def to_json(value: Any) -> str:
    """JSON on one line, in the order of the values."""
    return json.dumps(plain(value), ensure_ascii=False)


def b64encode(value: Any) -> str:
    """Base64 of the UTF-8 text."""
    return base64.b64encode(str(value).encode()).decode("ascii")


def b64decode(value: Any) -> str:
    """The text of a base64 string.

    Raises:
        ValueError: It is no base64, or what it holds is no UTF-8.
    """
    return base64.b64decode(str(value), validate=True).decode()


def quote(value: Any) -> str:
    """A YAML scalar in double quotes."""
    return json.dumps(str(value), ensure_ascii=False)


def plain(value: Any) -> Any:
    """The same with what is missing as None, once its use is recorded, and with lists for tuples and iterators."""
    if isinstance(value, Undefined):
        return json_default(value)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    return [plain(part) for part in value]


def json_default(value: Any) -> None:
    """What the JSON writer makes of a value that it does not know.

    Raises:
        TypeError: It is no missing variable.
    """
    if not isinstance(value, Undefined):
        raise TypeError("no JSON")
    str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "to_yaml": to_yaml,
    "to_json": to_json,
    "b64encode": b64encode,
    "b64decode": b64decode,
    "quote": quote,
}
"""By the names that templates use."""
