"""What a commit changes, as the pre-commit hook needs it (docs/ci.md)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.model.verdicts import Finding
    from assay.sources.interface import Source

_SCANNED = (".yaml", ".yml", ".json", ".j2")


@dataclass(frozen=True, slots=True)
class Changed:
    """Files that a change touches, as display names.

    With ``everything`` all findings are shown: a deletion, or a change of the project file or of policies, can
    change any verdict.
    """

    files: frozenset[str]
    everything: bool


def changed_files(root: Path) -> Changed:
    """What is staged, or what lies between ``PRE_COMMIT_FROM_REF`` and ``PRE_COMMIT_TO_REF``.

    Raises:
        UsageError: There is no git repository, or git cannot tell.
    """
    before, after = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    span = [f"{before}...{after}"] if before and after else ["--cached"]
    command = ["git", "-C", str(root), "diff", "--name-status", "--no-renames", "-z", *span]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        raise UsageError("--changed needs git", todo="install git, or scan without --changed") from None
    if done.returncode != 0:
        raise UsageError("--changed: git cannot tell what changed", todo="run it inside a git repository")
    words = os.fsdecode(done.stdout).split("\0")
    entries = [(status, name) for status, name in zip(words[::2], words[1::2], strict=False) if name]
    relevant = [(status, name) for status, name in entries if name.endswith(_SCANNED)]
    return Changed(
        frozenset(name for _, name in relevant),
        any(status == "D" or _decides_all(name) for status, name in relevant),
    )


def _decides_all(name: str) -> bool:
    path = Path(name)
    return path.name in ("assay.yaml", "assay-waivers.yaml") or bool(
        {"policies", "rules", "packs"} & set(path.parts[:-1])
    )


def nothing_to_do(paths: Sequence[Path], config: Path | None) -> bool:
    """Whether a change touches nothing that a scan reads; decided from names alone, before anything is imported."""
    root = Path.cwd()
    root = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    changed = changed_files(root)
    if changed.everything or config is not None:
        return not changed.files
    within = [Path(os.path.relpath(path.absolute(), root)).as_posix() for path in paths] or ["."]
    return not any(top in (".", name) or name.startswith(f"{top}/") for name in changed.files for top in within)


def shown(findings: Iterable[Finding], changed: Changed, sources: Iterable[Source]) -> tuple[Finding, ...]:
    """The findings that a change touches: by one of their places, or by a file that feeds their source."""
    if changed.everything:
        return tuple(findings)
    fed = {source.name for source in sources if source.inputs() & changed.files}
    return tuple(
        finding
        for finding in findings
        if finding.source in fed or any(place.file in changed.files for place in finding.places)
    )
