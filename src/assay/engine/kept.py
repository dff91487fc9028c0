"""What is made from policies and kept in the user's cache folder, because making it takes longer than a small scan.

Only what comes from policies is kept, never what a scan reads. Names hold a digest of everything that the content
depends on, so that it is never stale; a folder that cannot be read or written is no error.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

_MOST = 2000


def digest(*parts: object) -> str:
    """A digest of anything whose ``repr`` says all."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def read(kind: str, name: str) -> Any:
    """What was kept under a name, or None."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((_folder() / f"{kind}-{name}.json").read_text(encoding="utf-8"))
    return None


def write(kind: str, name: str, data: Any) -> None:
    """Keep data that JSON can hold, in one step, and drop what was kept of its kind under other names."""
    file = _folder() / f"{kind}-{name}.json"
    with contextlib.suppress(OSError, TypeError, ValueError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        Path(temporary).replace(file)
        for old in file.parent.glob(f"{kind}-*.json"):
            if old != file:
                old.unlink(missing_ok=True)


def _folder() -> Path:
    """The cache folder of the platform (XDG base directories, ``~/Library/Caches``, ``%LOCALAPPDATA%``)."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()
    elif sys.platform == "darwin":
        base = str(Path("~/Library/Caches").expanduser())
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "assay"


class Expressions:
    """Compiled expressions by key, read when the first is asked for.

    Args:
        name: A digest of what all of them depend on.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, str] | None = None
        self.new: dict[str, str] = {}
        """What was made because it was not kept."""

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """What was kept under a key, else what ``make`` gives, which is kept by :meth:`save`."""
        if self._known is None:
            found = read("expressions", self._name)
            self._known = found if isinstance(found, dict) else {}
        text = self._known.get(key)
        if text is not None:
            return base64.b64decode(text)
        made = make()
        self.new[key] = base64.b64encode(made).decode()
        return made

    def save(self, made: Iterable[Mapping[str, str]]) -> None:
        """Keep what was made, here and elsewhere."""
        new = {key: text for part in made for key, text in part.items()}
        if new:
            known = (self._known or {}) if len(self._known or {}) < _MOST else {}
            write("expressions", self._name, {**known, **new})
            self._known, self.new = {**known, **new}, {}
