"""Which version of the sources was scanned, as git knows it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


def version_control(root: Path) -> dict[str, str] | None:
    """The repository's address without credentials, its revision and branch; None outside git or before a commit.

    A repository without a remote is named by its revision (``urn:git:<revision>``).
    """
    revision = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not revision:
        return None
    remote = _git(root, "config", "--get", "remote.origin.url")
    return {
        "repositoryUri": _address(remote) or f"urn:git:{revision}",
        "revisionId": revision,
        "branch": _git(root, "rev-parse", "--abbrev-ref", "HEAD"),
    }


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _address(remote: str) -> str:
    """An absolute URI of a remote; a path on this machine is nobody else's business."""
    short = re.fullmatch(r"(?:[^@/]+@)?([\w.-]+):(?!//)(.+)", remote)
    if short:
        return f"ssh://{short[1]}/{short[2]}"
    parts = urlsplit(remote)
    if parts.scheme not in ("http", "https", "ssh", "git"):
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
