"""Routes into objects, and the places that people wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Protocol

Route = tuple[str | int, ...]
"""Keys and indexes from the root of an object: ``("spec", "containers", 0, "image")``."""


class Role(StrEnum):
    """What a place is to the value found there (docs/verdicts.md)."""

    TEMPLATE = "template"
    VALUE = "value"
    OVERRIDE_CHAIN = "override-chain"
    DEFAULT = "default"
    ARGUMENT = "argument"
    RENDERED = "rendered"
    MISSING = "missing"
    APPROXIMATE = "approximate"
    LIVE = "live"


class Place(NamedTuple):
    """A stretch of a file. Lines and columns count from 1; ``end_column`` is the first column after it.

    ``file`` is relative to the repository root with ``/``; for an argument it is empty. ``excerpt`` is the
    text around the place, secrets masked, its first line being line ``excerpt_line``.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    role: Role
    excerpt: str = ""
    excerpt_line: int = 0
    note: str = ""


class Origin(Protocol):
    """Where an object came from."""

    def places(self, route: Route) -> tuple[Place, ...]:
        """The authored places of a route, the one to blame first; never empty.

        A route that does not exist gives the nearest existing parent, role ``missing``.
        """
        ...


_PLAIN_STEP = re.compile(r"[\w-]+")


def format_route(route: Route) -> str:
    """Write a route as people do: ``spec.containers[0].image``, ``metadata.labels["a.b/c"]``."""
    text = ""
    for step in route:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_STEP.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


@cache
def parse_route(text: str) -> Route:
    """Read what :func:`format_route` writes.

    Raises:
        ValueError: The text is no route.
    """
    steps: list[str | int] = []
    rest = text
    while rest:
        if rest.startswith('["'):
            key, closed, rest = rest[2:].partition('"]')
            if not closed:
                raise ValueError(f"unclosed bracket in {text!r}")
            steps.append(key)
        elif rest.startswith("["):
            index, closed, rest = rest[1:].partition("]")
            if not closed or not index.isdecimal():
                raise ValueError(f"no index between brackets in {text!r}")
            steps.append(int(index))
        else:
            rest = rest.removeprefix(".") if steps else rest
            length = next((i for i, char in enumerate(rest) if char in ".["), len(rest))
            if not length:
                raise ValueError(f"empty step in {text!r}")
            steps.append(rest[:length])
            rest = rest[length:]
    return tuple(steps)


_ABSENT = object()


def step_into(value: Any, step: str | int) -> Any:
    """One step down; the sentinel that :func:`exists` knows where there is none."""
    if isinstance(step, str):
        return value.get(step, _ABSENT) if isinstance(value, (dict, Mapping)) else _ABSENT
    is_list = isinstance(value, (list, Sequence)) and not isinstance(value, str)
    return value[step] if is_list and step < len(value) else _ABSENT


def lookup(value: Any, route: Route) -> tuple[bool, Any]:
    """Whether a route exists in a value, and what is there."""
    for step in route:
        value = step_into(value, step)
        if value is _ABSENT:
            return False, None
    return True, value
