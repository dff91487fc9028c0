"""Kubernetes objects as they are judged, and what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from assay.model.origin import Origin, Place


class Identity(NamedTuple):
    """What makes two objects the same: the version is no part of it. ``group`` is ``""`` for the core group.

    ``namespace`` is ``None`` for cluster-scoped objects and ``"(unset)"`` where neither the object nor its
    source names one.
    """

    group: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


UNSET_NAMESPACE = "(unset)"


@dataclass(frozen=True, slots=True, eq=False)
class KubeObject:
    """One object of one source.

    ``body`` is what rules see: secret values are placeholders and fields that are null are absent, as the API
    server drops them.
    """

    identity: Identity
    api_version: str
    body: dict[str, Any]
    origin: Origin
    source: str

    @property
    def kind(self) -> str:
        """The kind, without group."""
        return self.identity.kind

    @property
    def group_kind(self) -> str:
        """``group/Kind`` as rules match it, the core group written ``core``."""
        return f"{self.identity.group or 'core'}/{self.identity.kind}"

    @property
    def home(self) -> str | None:
        """The namespace that it is in, or that it is; None of what has none."""
        return self.identity.name if self.group_kind == "core/Namespace" else self.identity.namespace


class Unread(NamedTuple):
    """Something that was asked for and not seen: whatever it would hold is not assessed.

    ``kinds`` are ``group/Kind``; empty means that any kind could be in it.
    """

    source: str
    reason: str
    place: Place | None = None
    kinds: frozenset[str] = frozenset()
    todo: str = ""


class Warned(NamedTuple):
    """Something worth a line that changes no verdict. ``incomplete`` makes the run end with exit code 3."""

    message: str
    place: Place | None = None
    incomplete: bool = False


class World(NamedTuple):
    """One environment, cluster or snapshot: everything is judged inside one.

    ``complete`` is True, or the namespaces and ``group/Kind`` names that the project file calls complete.
    ``clock`` is an ISO 8601 time in UTC.
    """

    name: str
    kind: str
    clock: str
    complete: bool | tuple[str, ...] = False
    objects: tuple[KubeObject, ...] = ()
    unread: tuple[Unread, ...] = ()
