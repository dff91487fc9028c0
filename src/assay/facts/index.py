"""The objects of one world as relations look them up: by kind, by name, by namespace, by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.model.objects import Identity
from assay.workloads import PodView, pod_view

if TYPE_CHECKING:
    from assay.model.objects import KubeObject, World

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server gives to every namespace (well-known labels, annotations and taints)."""


class Workload(NamedTuple):
    """An object with a pod template, and the labels of its Pods."""

    object: KubeObject
    view: PodView
    labels: dict[str, str]

    @property
    def namespace(self) -> str | None:
        """The namespace of its Pods."""
        return self.object.identity.namespace


class Index:
    """Every object of a world, found without looking at all of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._kinds: dict[str, list[KubeObject]] = {}
        self._named: dict[Identity, list[KubeObject]] = {}
        for obj in world.objects:
            self._kinds.setdefault(obj.group_kind, []).append(obj)
            self._named.setdefault(obj.identity, []).append(obj)

    def of_kind(self, *group_kinds: str) -> Iterator[KubeObject]:
        """The objects of kinds, each given as ``group/Kind``, in the order of the world."""
        for group_kind in group_kinds:
            yield from self._kinds.get(group_kind, ())

    def find(self, group_kind: str, namespace: str | None, name: str) -> list[KubeObject]:
        """The objects of an identity: none, one, or several that contradict each other."""
        group, _, kind = group_kind.partition("/")
        return self._named.get(Identity("" if group == "core" else group, kind, namespace, name), [])

    def in_namespace(self, group_kind: str, namespace: str | None) -> list[KubeObject]:
        """The objects of a kind in one namespace."""
        return self._by_namespace.get((group_kind, namespace), [])

    @cached_property
    def _by_namespace(self) -> dict[tuple[str, str | None], list[KubeObject]]:
        found: dict[tuple[str, str | None], list[KubeObject]] = {}
        for group_kind, objects in self._kinds.items():
            for obj in objects:
                found.setdefault((group_kind, obj.identity.namespace), []).append(obj)
        return found

    @cached_property
    def workloads(self) -> dict[str | None, list[Workload]]:
        """Everything with a pod template, by namespace."""
        found: dict[str | None, list[Workload]] = {}
        for obj in self.world.objects:
            view = pod_view(obj)
            if view is not None:
                workload = Workload(obj, view, labels_of(view.metadata))
                found.setdefault(obj.identity.namespace, []).append(workload)
        return found

    @cached_property
    def namespaces(self) -> dict[str, dict[str, str] | None]:
        """The labels of every namespace that an object names or is in; None where the Namespace was not seen.

        Two Namespaces with one name and other labels are as good as none.
        """
        found: dict[str, dict[str, str] | None] = {
            obj.identity.namespace: None for obj in self.world.objects if obj.identity.namespace is not None
        }
        for obj in self.of_kind("core/Namespace"):
            name = obj.identity.name
            twins = self.find("core/Namespace", None, name)
            labels = {**labels_of(part(obj.body, "metadata")), NAME_LABEL: name}
            found[name] = labels if len(twins) == 1 else None
        return found

    def selects_namespace(self, selector: Mapping[str, Any], name: str) -> bool | None:
        """Whether a LabelSelector selects a namespace; None where that hangs on labels that were not seen."""
        labels = self.namespaces.get(name)
        if labels is not None:
            return selects(selector, labels)
        keys = {*part(selector, "matchLabels"), *(entry.get("key") for entry in maps(selector, "matchExpressions"))}
        return selects(selector, {NAME_LABEL: name}) if keys <= {NAME_LABEL} else None


def part(value: Any, *names: str) -> dict[str, Any]:
    """The map at a path of names; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, dict) else {}


def items(value: Any, *names: str) -> list[Any]:
    """The list at a path of names; an empty one where there is none."""
    *parents, last = names
    found = part(value, *parents).get(last)
    return found if isinstance(found, list) else []


def maps(value: Any, *names: str) -> list[dict[str, Any]]:
    """The maps of the list at a path of names; what else is in it, nobody can read."""
    return [item for item in items(value, *names) if isinstance(item, dict)]


def text(value: Any, *names: str) -> str:
    """The text at a path of names; empty where there is none."""
    *parents, last = names
    found = part(value, *parents).get(last)
    return found if isinstance(found, str) else ""


def labels_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The labels in metadata that are texts, as the API server demands."""
    return {key: value for key, value in part(metadata, "labels").items() if isinstance(value, str)}


def annotations_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The annotations in metadata that are texts."""
    return {key: value for key, value in part(metadata, "annotations").items() if isinstance(value, str)}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects labels; the empty one selects everything (Kubernetes API, LabelSelector)."""
    if any(labels.get(key) != value for key, value in part(selector, "matchLabels").items()):
        return False
    return all(_holds(entry, labels) for entry in maps(selector, "matchExpressions"))


def _holds(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = entry.get("key", ""), entry.get("operator")
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    among = key in labels and labels[key] in items(entry, "values")
    return among if operator == "In" else not among
