"""What is wrong with a document, in plain words and without any of its values."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import yaml

from assay.documents import limits

if TYPE_CHECKING:
    from assay.documents.split import Lines


class Problem(NamedTuple):
    """One thing wrong in one document: where (from 1), what, and what to do about it.

    ``unreadable`` says that no YAML parser would read it either. Anything else, such as a limit of ours or a key that
    is there twice, may hide an object that Kubernetes would take.
    """

    line: int
    column: int
    what: str
    todo: str
    unreadable: bool = False


class FaultError(Exception):
    """Why a document cannot be read. ``offset`` counts characters from the start of the document.

    ``spent`` is set where the limit of the whole text is reached, so that nothing after it is read either;
    ``unreadable`` as in :class:`Problem`.
    """

    def __init__(self, offset: int, what: str, todo: str, *, spent: bool = False, unreadable: bool = False) -> None:
        super().__init__(what)
        self.offset = offset
        self.what = what
        self.todo = todo
        self.spent = spent
        self.unreadable = unreadable

    def problem(self, lines: Lines, start: int) -> Problem:
        """The same with line and column, for a document that begins at ``start``."""
        return Problem(*lines.place(start + self.offset), self.what, self.todo, self.unreadable)


@cache
def _not_allowed() -> re.Pattern[str]:
    """What YAML does not allow in a text. Compiling it takes 5 ms, which only a bad document pays."""
    return re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


_INDENT = "compare the indentation with the lines above"
_QUOTE = "put the value in quotes"
_NAME = ("an anchor or alias has no name", "name it with letters and digits, or put the value in quotes")

# libyaml's message, what to say for it, what to do, and whether the place is where the construct began.
_PLAIN: tuple[tuple[str, str, str, bool], ...] = (
    ("mapping values are not allowed", "there is a ': ' where no new key can begin", f"{_QUOTE}, or {_INDENT}", False),
    (
        "block sequence entries are not",
        "a list item '- ' cannot begin here",
        "begin the list on a line of its own",
        False,
    ),
    (
        "mapping keys are not allowed",
        "a '? ' key cannot begin here",
        f"{_QUOTE}, or begin it on a line of its own",
        False,
    ),
    ("found a tab character", "a tab stands where indentation is expected", "indent with spaces", False),
    ("did not find expected key", "this line belongs neither to the mapping above nor to its parent", _INDENT, False),
    ("did not find expected '-' indicator", "this line is no item of the list above", _INDENT, False),
    ("did not find expected ',' or ']'", "a '[' list is not closed or lacks a comma", "add the ',' or ']'", True),
    ("did not find expected ',' or '}'", "a '{' mapping is not closed or lacks a comma", "add the ',' or '}'", True),
    ("did not find expected node content", "a value is missing or begins with a character it cannot", _QUOTE, False),
    ("found unexpected end of stream", "a quote is opened and never closed", "close the quote", True),
    ("found unexpected document", "a '---' or '...' line stands inside quotes", "close the quote or indent it", True),
    (
        "found unknown escape",
        "a backslash in double quotes begins no known escape",
        "double it, or use single quotes",
        False,
    ),
    ("found invalid Unicode", "an escape names no Unicode character", "correct the escape", False),
    (
        "did not find expected hex",
        "an escape lacks hexadecimal digits",
        "correct the escape, or use single quotes",
        False,
    ),
    ("indentation indicator", "the number after '|' or '>' is not from 1 to 9", "correct or remove it", False),
    ("comment or line break", "text follows '|' or '>' on the same line", "begin the text on the next line", False),
    ("could not find expected ':'", "this line is no 'key: value' and no part of the value above", _INDENT, True),
    ("alphabetic or numeric", *_NAME, False),
    (
        "undefined tag handle",
        "a tag uses a handle that nothing declares",
        "remove the tag, or put the value in quotes",
        False,
    ),
    ("<document start>", "something follows the end of the value", f"{_QUOTE}, or {_INDENT}", False),
    (
        "unexpected ':'",
        "a ':' inside brackets is followed by no blank",
        "write a blank after it, or quote the key",
        False,
    ),
    ("unknown directive", "a line begins with '%' and is no directive", _QUOTE, False),
)


def from_yaml(error: yaml.YAMLError, text: str) -> FaultError:
    """The plain words for an error of libyaml about ``text``."""
    # libyaml 0.2.6 has a limit of its own, and reads ahead of the parser that keeps ours.
    if isinstance(error, yaml.MarkedYAMLError) and "nesting depth" in (error.problem or ""):
        return too_deep(error.problem_mark.index if error.problem_mark else 0)
    fault = _in_words(error, text)
    fault.unreadable = True
    return fault


def too_deep(offset: int) -> FaultError:
    """The fault of a text that nests deeper than is read of any."""
    return FaultError(
        offset, f"mappings and lists stand more than {limits.DEPTH} deep inside one another", "nest less deep"
    )


def _in_words(error: yaml.YAMLError, text: str) -> FaultError:
    if not isinstance(error, yaml.MarkedYAMLError):
        bad = _not_allowed().search(text)
        code = f"U+{ord(bad[0]):04X}" if bad else "unknown"
        todo = "remove it, or write it as an escape in double quotes"
        return FaultError(bad.start() if bad else 0, f"the character {code} is not allowed in YAML", todo)
    here = error.problem_mark.index if error.problem_mark else 0
    began = error.context_mark.index if error.context_mark else here
    said = error.problem or ""
    if looks_like_template(text, here):
        return template(began if "{{" in text[began : began + 2] else here)
    if "cannot start any token" in said:
        return _bad_start(text, here)
    for part, what, todo, at_start in _PLAIN:
        if part in said:
            return FaultError(began if at_start else here, what, todo)
    return FaultError(here, "this is no valid YAML", _INDENT)


def looks_like_template(text: str, offset: int) -> bool:
    """Whether the line at an offset holds a Jinja2 or Go template expression."""
    line = text[text.rfind("\n", 0, offset) + 1 : offset] + text[offset : offset + 500].partition("\n")[0]
    return "{{" in line or "{%" in line


def template(offset: int) -> FaultError:
    """The fault of a text that must be rendered before it is YAML."""
    what = "this looks like a template and not like YAML"
    return FaultError(offset, what, "render it first, or name it as a template in the project file", unreadable=True)


def _bad_start(text: str, offset: int) -> FaultError:
    if text[offset : offset + 1] == "\t":
        return FaultError(offset, "a tab stands where indentation is expected", "indent with spaces")
    what = f"a value cannot begin with {text[offset : offset + 1]!r}"
    return FaultError(offset, what, _QUOTE)
