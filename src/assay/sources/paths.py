"""How files are called in reports: relative to the repository root, or to the working directory outside one."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path


class Paths:
    """Turns paths into display names and back.

    Args:
        base: The working directory.
    """

    def __init__(self, base: Path) -> None:
        self.base = base.resolve()

    @cached_property
    def root(self) -> Path:
        """The repository root above the working directory, or the working directory itself."""
        for folder in (self.base, *self.base.parents):
            if (folder / ".git").exists():
                return folder
        return self.base

    def name(self, path: Path) -> str:
        """The display name of a path, with ``/``; symbolic links are not followed."""
        absolute = path if path.is_absolute() else self.base / path
        return Path(os.path.relpath(absolute, self.root)).as_posix()

    def path(self, name: str) -> Path:
        """The path behind a display name."""
        return self.root / name
