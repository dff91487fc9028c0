"""The shipped policies as data, parsed once and kept.

Parsing a hundred YAML files takes longer than judging a small manifest. What they hold is kept as JSON in the user's
cache folder, under a name made from the version and from every file's name, size and time, so that it is never stale.
Only policies that ship with Assay are kept, and nothing that a scan reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from assay import __version__

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXAMPLES = "\nexamples:"


def parse(path: Path) -> dict[str, Any]:
    """A policy file as data. Examples stand last in a rule and are half of it, so they are not parsed."""
    text = path.read_text(encoding="utf-8").partition(_EXAMPLES)[0]
    data: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    return data


def parse_all(files: Iterable[Path]) -> list[tuple[Path, dict[str, Any]]]:
    """Every file as data, from the cache folder if nothing changed."""
    paths = list(files)
    kept = _folder() / f"policies-{_digest(paths)}.json"
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(kept.read_text(encoding="utf-8"))
        if len(known) == len(paths):
            return list(zip(paths, known, strict=True))
    parsed = [(path, parse(path)) for path in paths]
    _keep(kept, [data for _, data in parsed])
    return parsed


def _digest(paths: Iterable[Path]) -> str:
    state = [(path.as_posix(), found.st_size, found.st_mtime_ns) for path in paths for found in (path.stat(),)]
    return hashlib.sha256(repr((__version__, state)).encode()).hexdigest()[:20]


def _folder() -> Path:
    """The cache folder of the platform (XDG base directories, ``~/Library/Caches``, ``%LOCALAPPDATA%``)."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()
    elif sys.platform == "darwin":
        base = str(Path("~/Library/Caches").expanduser())
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "assay"


def _keep(file: Path, data: Any) -> None:
    """Write the cache in one step and drop older ones; a folder that cannot be written to is no error."""
    with contextlib.suppress(OSError, TypeError, ValueError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        Path(temporary).replace(file)
        for old in file.parent.glob("policies-*.json"):
            if old != file:
                old.unlink(missing_ok=True)
