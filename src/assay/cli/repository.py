"""Which version of the sources was scanned, as git knows it."""

from __future__ import annotations

import os
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


# What Azure Pipelines calls the parts of a run (its documentation, "Predefined variables").
_AZURE = {
    "org": "SYSTEM_COLLECTIONURI",
    "project": "SYSTEM_TEAMPROJECT",
    "buildDefinitionId": "SYSTEM_DEFINITIONID",
    "buildDefinitionName": "BUILD_DEFINITIONNAME",
    "phaseId": "SYSTEM_PHASEID",
    "phaseName": "SYSTEM_PHASENAME",
    "branch": "BUILD_SOURCEBRANCHNAME",
    "buildId": "BUILD_BUILDID",
}


def azure_pipeline() -> dict[str, str]:
    """The ids of the Azure pipeline that runs this; ``local`` for what no variable says.

    The service takes only a GUID for a phase, so outside a pipeline one is made from the phase's name.
    """
    from uuid import NAMESPACE_OID, uuid5

    found = {name: os.environ.get(variable, "") for name, variable in _AZURE.items()}
    found["org"] = found["org"].rstrip("/").rpartition("/")[2]
    found["phaseId"] = found["phaseId"] or str(uuid5(NAMESPACE_OID, found["phaseName"] or "local"))
    return {name: value or "local" for name, value in found.items()}


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
