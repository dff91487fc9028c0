"""What is made from policies and kept in the user's cache folder, because making it takes longer than a small scan.

Only what comes from policies is kept, never what a scan reads. Names hold a digest of everything that the content
depends on, so that it is never stale; a folder that cannot be read or written is no error. The form is Python's own
(``marshal``), as that of the compiled modules beside which it could as well stand: it is read in half the time of JSON.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import marshal
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from assay.engine.parts import Tree
    from assay.engine.reads import Read

_MOST = 2000
_NAMES = 8
_FORM = sys.implementation.cache_tag or "kept"
"""The end of file names: each version of Python has a form of its own."""


def digest(*parts: object) -> str:
    """A digest of anything whose ``repr`` says all."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read(kind: str, name: str) -> Any:
    """What was kept under a name, or None."""
    with contextlib.suppress(OSError, EOFError, TypeError, ValueError):
        return marshal.loads(_file(kind, name).read_bytes())  # noqa: S302 - our own file in the user's own folder
    return None


def write(kind: str, name: str, data: Any) -> None:
    """Keep plain data, in one step, and drop what was kept of its kind before the last few names.

    Projects with rules of their own, and other versions, have names of their own: they shall not drive each other out.
    """
    file = _file(kind, name)
    with contextlib.suppress(OSError, ValueError):
        file.parent.mkdir(parents=True, exist_ok=True)
        import tempfile  # not for a scan that finds everything kept

        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as stream:
            marshal.dump(data, stream)
        Path(temporary).replace(file)
        by_age = sorted(file.parent.glob(f"{kind}-*.{_FORM}"), key=lambda kept: kept.stat().st_mtime, reverse=True)
        for old in by_age[_NAMES:]:
            old.unlink(missing_ok=True)


def _file(kind: str, name: str) -> Path:
    return _folder() / f"{kind}-{name}.{_FORM}"


def _folder() -> Path:
    """The cache folder of the platform (XDG base directories, ``~/Library/Caches``, ``%LOCALAPPDATA%``)."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path("~/AppData/Local").expanduser())
    elif sys.platform == "darwin":
        base = str(Path("~/Library/Caches").expanduser())
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "assay"


Part: TypeAlias = "tuple[str, bytes, list[Read]]"
"""The text of a part of an expression, its compiled form, and what it reads."""

New: TypeAlias = "dict[str, dict[str, Any]]"
"""Trees and parts, as they are kept."""


@functools.cache
def _programs(_in: Path, name: str) -> New:
    """What is kept under a name in a folder, read once: the examples of all rules are judged by 2,000 runtimes."""
    found = read("programs", name)
    return found if isinstance(found, dict) and found.keys() == {"trees", "parts"} else {"trees": {}, "parts": {}}


class Expressions:
    """Compiled expressions by key: their trees, and the parts that these name; read when the first is asked for.

    Args:
        name: A digest of what all of them depend on.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.new: New = {"trees": {}, "parts": {}}
        """What was made because it was not kept."""

    @functools.cached_property
    def _known(self) -> New:
        return _programs(_folder(), self._name)

    def load(self) -> None:
        """Read what is kept now."""
        _ = self._known

    def tree(self, key: str, make: Callable[[], Tree]) -> Tree:
        """The tree that was kept under a key, else what ``make`` gives, which is kept by :meth:`save`."""
        found: Tree | None = self._known["trees"].get(key)
        if found is None:
            found = self.new["trees"][key] = make()
        return found

    def part(self, name: str, make: Callable[[], Part] | None = None) -> Part:
        """The part that was kept under a name, else what ``make`` gives.

        Raises:
            KeyError: There is neither.
        """
        found = self._known["parts"].get(name) or self.new["parts"].get(name)
        if found:
            return found  # type: ignore[no-any-return]
        if make is None:
            raise KeyError(name)
        made = self.new["parts"][name] = make()
        return made

    def save(self, made: Iterable[New]) -> None:
        """Keep what was made, here and elsewhere."""
        new: New = {"trees": {}, "parts": {}}
        for part in made:
            for kind, entries in part.items():
                new[kind].update(entries)
        if any(new.values()):
            known = self._known
            if len(known["trees"]) >= _MOST:
                for entries in known.values():
                    entries.clear()
            for kind, entries in new.items():
                known[kind].update(entries)
            write("programs", self._name, known)
            self.new = {"trees": {}, "parts": {}}
