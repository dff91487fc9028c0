"""The source lines around a place, secrets masked."""

from __future__ import annotations

from functools import cache

from assay.documents import Problem, decode
from assay.model.origin import Place, Role
from assay.redact import Masker
from assay.sources.paths import Paths

_BEFORE = 1
_AFTER = 1
_LONGEST = 200


class Excerpts:
    """Adds excerpts to places; each file is read once."""

    def __init__(self, paths: Paths, masker: Masker) -> None:
        self._paths = paths
        self._lines = cache(self._read)
        self._masked = cache(masker.mask_source)

    def place(self, place: Place) -> Place:
        """A place with the lines around it; as it is if there is no file behind it."""
        if not place.file or place.excerpt or place.role in (Role.ARGUMENT, Role.LIVE):
            return place
        lines = self._lines(place.file)
        if place.line > len(lines):
            return place
        first = max(place.line - _BEFORE, 1)
        last = min(place.line + _AFTER, len(lines))
        shown = "\n".join(self._masked(line)[:_LONGEST] for line in lines[first - 1 : last])
        return place._replace(excerpt=shown, excerpt_line=first)

    def _read(self, name: str) -> list[str]:
        try:
            data = self._paths.path(name).read_bytes()
        except OSError:
            return []
        text = decode(data)
        return [] if isinstance(text, Problem) else text.split("\n")
