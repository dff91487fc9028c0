"""Which files a scan reads when folders are named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from assay.errors import UsageError
from assay.sources.paths import Paths

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
TEMPLATE_SUFFIX = ".j2"
# What stands beside templates and feeds them; it is no manifest.
_VALUES = frozenset({"values.yaml", "values.schema.json"})
_OVERRIDES = "_overrides.yaml"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to read: ``kind`` is manifest, template, chart or overlay."""

    kind: str
    path: Path
    top: Path
    named: bool


def discover(paths: Iterable[Path], names: Paths, exclude: Sequence[str]) -> Iterator[Found]:
    """The files and folders to read under some paths, each once, in the order of their names.

    Git's ignore rules are honoured inside a repository, hidden folders are skipped, symbolic links to folders are
    not followed. A chart or an overlay is one thing and never read as plain files.

    Raises:
        UsageError: A path does not exist.
    """
    seen: set[Path] = set()
    for top in paths:
        if not top.exists() and not top.is_symlink():
            raise UsageError(f"{top} does not exist", todo="name a file or folder that does")
        for found in _under(top) if top.is_dir() else (Found(_kind(top) or "manifest", top, top.parent, named=True),):
            real = Path(os.path.abspath(found.path))  # noqa: PTH100 - resolve() would follow symbolic links
            if real not in seen and not _excluded(names.name(found.path), exclude):
                seen.add(real)
                yield found


def _excluded(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) or name.startswith(pattern.rstrip("/") + "/") for pattern in patterns)


def _under(top: Path) -> Iterator[Found]:
    kept = _not_ignored(top)
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        whole = _whole(files)
        if whole:
            folders.clear()
            yield Found(whole, here, top, named=False)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        has_templates = any(name.endswith(TEMPLATE_SUFFIX) for name in files)
        for name in sorted(files):
            path = here / name
            if has_templates and (name in _VALUES or name.endswith(_OVERRIDES)):
                continue
            kind = _kind(path)
            if kind and not name.startswith(".") and name != "assay.yaml" and (kept is None or path in kept):
                yield Found(kind, path, top, named=False)


def _whole(files: Sequence[str]) -> str:
    if "Chart.yaml" in files:
        return "chart"
    return "overlay" if any(name in files for name in _KUSTOMIZATIONS) else ""


def _kind(path: Path) -> str:
    """What a file is by its name; partial templates start with ``_`` and are only included by others."""
    if path.name.endswith(TEMPLATE_SUFFIX):
        return "" if path.name.startswith("_") else "template"
    return "manifest" if path.name.endswith(MANIFEST_SUFFIXES) else ""


def _not_ignored(top: Path) -> set[Path] | None:
    """The files under a folder that git does not ignore; None where git has no say."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(top), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if listed.returncode != 0:
        return None
    return {top / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
