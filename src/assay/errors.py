"""The errors that a user can meet: each says what is wrong, where, and what to do."""

from __future__ import annotations


class AssayError(Exception):
    """Something that the user can put right.

    Args:
        what: What is wrong, one sentence without a full stop.
        where: ``file``, ``file:line`` or ``file:line:column``; empty where no file is at fault.
        todo: What to do about it; empty where ``what`` already says it.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.todo = todo

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        todo = f"\n  {self.todo}" if self.todo else ""
        return f"{place}{self.what}{todo}"


class UsageError(AssayError):
    """Wrong use or wrong configuration: exit code 2."""


class PolicyError(UsageError):
    """A rule or a pack that cannot be used: exit code 2."""


class RenderError(AssayError):
    """A source that could not be rendered: what it would hold is not assessed."""
