"""The shipped policies as data, parsed once and kept: parsing them takes longer than judging a small manifest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from assay import __version__
from assay.engine import kept

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXAMPLES = "\nexamples:"


def parse(path: Path) -> dict[str, Any]:
    """A policy file as data. Examples stand last in a rule and are half of it, so they are not parsed."""
    text = path.read_text(encoding="utf-8").partition(_EXAMPLES)[0]
    data: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    return data


def parse_all(files: Iterable[Path], kind: str = "policies") -> list[tuple[Path, dict[str, Any]]]:
    """Every file as data, from the cache folder if no file's name, size or time changed; one set of files a kind."""
    paths = list(files)
    state = [(path.as_posix(), found.st_size, found.st_mtime_ns) for path in paths for found in (path.stat(),)]
    name = kept.digest(__version__, state)
    known = kept.read(kind, name)
    if isinstance(known, list) and len(known) == len(paths):
        return list(zip(paths, known, strict=True))
    parsed = [(path, parse(path)) for path in paths]
    kept.write(kind, name, [data for _, data in parsed])
    return parsed
