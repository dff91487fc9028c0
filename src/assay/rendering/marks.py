"""Who wrote what of a rendered text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from assay.model.origin import Route


@dataclass(frozen=True, slots=True)
class Trace:
    """Who wrote a stretch of a rendered text.

    ``file`` is relative to the template root; lines and columns count from 1 and ``end_column`` is the first column
    after it. Where not ``exact``, the place is near and the line may be another one. ``variables`` are the routes of
    the values that the writing expression used; empty for literal text and where they are not known for sure. Where
    ``default``, the value came from a ``default`` filter, and the place is the tag that holds the filter.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    exact: bool
    variables: tuple[Route, ...]
    default: bool


class Marks:
    """The marks of one rendered text."""

    @classmethod
    def of(cls, text: str, answer: dict[str, Any]) -> Marks:
        raise NotImplementedError
