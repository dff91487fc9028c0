"""The project file ``assay.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.engine.validate import validated
from assay.errors import UsageError

FILE_NAME = "assay.yaml"
DEFAULT_PACKS = ("gdpr", "soc2", "iso27001", "pci-dss")


class SourceEntry(NamedTuple):
    """One entry of ``sources``."""

    path: Path
    namespace: str = ""


class Environment(NamedTuple):
    """One entry of ``environments``. ``complete`` is None where the project's own counts."""

    values: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = {}
    variables: tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    complete: bool | tuple[str, ...] | None = None


class Scope(NamedTuple):
    """Which objects belong to a scope; any of the three ways is enough."""

    namespaces: tuple[str, ...] = ()
    namespace_labels: Mapping[str, str] = {}
    object_labels: Mapping[str, str] = {}
    connected: tuple[str, ...] = ()


class Project(NamedTuple):
    """The project file, or what counts where there is none (``file`` is None)."""

    file: Path | None = None
    sources: tuple[SourceEntry, ...] = ()
    environments: Mapping[str, Environment] = {}
    packs: tuple[str, ...] = DEFAULT_PACKS
    params: Mapping[str, Any] = {}
    scopes: Mapping[str, Scope] = {}
    complete: bool | tuple[str, ...] = False
    threshold: str = "low"
    exclude: tuple[str, ...] = ()
    policies: tuple[Path, ...] = ()
    secret_names: tuple[str, ...] = ()
    secret_values: tuple[str, ...] = ()
    limits: Mapping[str, float] = {}


def find_project(start: Path) -> Path | None:
    """The project file of a folder or of the nearest folder above it, not beyond the repository."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if (folder / ".git").exists():
            return None
    return None


def load_project(path: Path | None) -> Project:
    """Read a project file.

    Raises:
        UsageError: The file does not exist or breaks its schema; names the line and the nearest key.
    """
    if path is None:
        return Project()
    if not path.is_file():
        raise UsageError(f"the project file {path} does not exist", todo="`assay init` writes one")
    data = validated(path, "config")
    base = path.parent
    secrets = data.get("secrets", {})
    return Project(
        file=path,
        sources=tuple(
            SourceEntry(base / entry["path"], entry.get("namespace", "")) for entry in data.get("sources", ())
        ),
        environments={name: _environment(entry or {}, base) for name, entry in data.get("environments", {}).items()},
        packs=tuple(data.get("packs", DEFAULT_PACKS)),
        params=data.get("params", {}),
        scopes={name: _scope(entry) for name, entry in data.get("scopes", {}).items()},
        complete=_complete(data.get("complete", False)),
        threshold=data.get("threshold", "low"),
        exclude=tuple(data.get("exclude", ())),
        policies=tuple(base / folder for folder in data.get("policies", ())),
        secret_names=tuple(secrets.get("names", ())),
        secret_values=tuple(secrets.get("values", ())),
        limits=data.get("limits", {}),
    )


def _environment(entry: dict[str, Any], base: Path) -> Environment:
    return Environment(
        values=tuple(base / name for name in entry.get("values", ())),
        settings=entry.get("set", {}),
        variables=tuple(entry.get("variables", ())),
        params=entry.get("params", {}),
        complete=_complete(entry["complete"]) if "complete" in entry else None,
    )


def _scope(entry: dict[str, Any]) -> Scope:
    return Scope(
        namespaces=tuple(entry.get("namespaces", ())),
        namespace_labels=entry.get("namespaceLabels", {}),
        object_labels=entry.get("objectLabels", {}),
        connected=tuple(entry.get("connected", ())),
    )


def _complete(entry: Any) -> bool | tuple[str, ...]:
    if isinstance(entry, bool):
        return entry
    return (*entry.get("namespaces", ()), *entry.get("kinds", ()))
