"""YAML and JSON as kubectl reads it: values first, places only when somebody asks (:mod:`assay.documents.locate`)."""

from __future__ import annotations

import codecs
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.documents import limits
from assay.documents.compose import EMPTY, ValueComposer, too_many
from assay.documents.problems import FaultError, Problem
from assay.documents.split import Lines, Unit, units

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Document:
    """One document with content.

    ``value`` is what kubectl understands: dict, list, str, int, float, bool or None. Parts that an alias
    repeats are the same object, so values must not be changed in place. ``index`` counts the documents of the
    text from 0, those without content too. ``places`` are for :class:`Locator`, where they were noted.
    """

    value: Any
    index: int
    places: array[int] | None = field(default=None, compare=False, repr=False)


def decode(data: bytes) -> str | Problem:
    """The text of a file: UTF-8, or UTF-16 where it begins with that byte order mark, which is dropped."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name, encoding = "UTF-16", "utf-16"
    else:
        name, encoding = "UTF-8", "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        line, column = Lines(before).place(len(before))
        return Problem(line, column, f"the file is not valid {name}", "save it as UTF-8")


def read_documents(text: str) -> Iterator[Document | Problem]:
    """The documents of a text, each one or the one thing that is wrong with it; those without content are left out.

    A bad document does not lose the others. Past ``limits.PROBLEMS`` problems, or ``limits.NODES`` values in all,
    the rest is not read, and the last problem says so.
    """
    lines = Lines(text)
    left = limits.NODES
    problems = 0
    for unit in units(text):
        left -= limits.DOCUMENT_COST
        if unit.empty and left >= 0:
            continue
        try:
            value, used, places = _read(text, unit, left)
        except FaultError as fault:
            problems += 1
            yield fault.problem(lines, unit.start)
            if fault.spent:
                return
            if problems >= limits.PROBLEMS:
                what = f"there are {problems} bad documents and the rest of the file is not read"
                yield Problem(*lines.place(unit.end), what, "put the others right first")
                return
            continue
        left -= used
        if value is not EMPTY:
            yield Document(value, unit.index, places)


def _read(text: str, unit: Unit, left: int) -> tuple[Any, int, array[int] | None]:
    """The value of a document, how many values it holds, and where they stand."""
    if left < 0:
        raise too_many(0)
    if unit.separator >= 0:
        what = "a document begins on its '---' line, where kubectl refuses it"
        todo = "begin the document on the line after '---'"
        raise FaultError(unit.separator - unit.start, what, todo)
    if unit.is_json:
        return unit.value, unit.size, None
    composer = ValueComposer(text[unit.start : unit.end], left)
    return composer.compose(), composer.count, composer.notes.numbers


def read_file(path: Path) -> tuple[str, list[Document | Problem]]:
    """The text of a file and its documents.

    Never raises OSError: what cannot be opened, is no regular file or is bigger than ``limits.BYTES`` gives an
    empty text and one problem.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            return "", [Problem(1, 1, f"this is {kind}", "name a file", unreadable=True)]
        if status.st_size > limits.BYTES:
            what = f"the file is larger than {limits.BYTES // 1024 // 1024} MB"
            return "", [Problem(1, 1, what, "split the file")]
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror or "unknown error") if isinstance(error, OSError) else "the name is not valid"
        return "", [Problem(1, 1, f"the file cannot be read: {reason}", "check the path and its permissions")]
    text = decode(data)
    if isinstance(text, Problem):
        return "", [text]
    return text, list(read_documents(text))
