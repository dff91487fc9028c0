"""Where the pod template and every container of any workload stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.model.origin import lookup

if TYPE_CHECKING:
    from assay.model.objects import KubeObject
    from assay.model.origin import Route

# group/Kind -> route of the pod template. Sources: the Kubernetes API reference for built-in kinds, and the
# documentation of Argo Rollouts, Knative Serving, OpenShift and OpenKruise for the others.
TEMPLATES: dict[str, Route] = {
    "core/Pod": (),
    "core/PodTemplate": ("template",),
    "core/ReplicationController": ("spec", "template"),
    "apps/Deployment": ("spec", "template"),
    "apps/StatefulSet": ("spec", "template"),
    "apps/DaemonSet": ("spec", "template"),
    "apps/ReplicaSet": ("spec", "template"),
    "batch/Job": ("spec", "template"),
    "batch/CronJob": ("spec", "jobTemplate", "spec", "template"),
    "argoproj.io/Rollout": ("spec", "template"),
    "serving.knative.dev/Service": ("spec", "template"),
    "serving.knative.dev/Configuration": ("spec", "template"),
    "apps.openshift.io/DeploymentConfig": ("spec", "template"),
    "apps.kruise.io/CloneSet": ("spec", "template"),
    "apps.kruise.io/StatefulSet": ("spec", "template"),
    "apps.kruise.io/DaemonSet": ("spec", "template"),
}

CONTAINER_TYPES = {"containers": "container", "initContainers": "init", "ephemeralContainers": "ephemeral"}
"""The lists of containers in the spec of a Pod, and what rules call the containers in them."""

CONTAINER_LISTS = tuple(CONTAINER_TYPES)


class PodView(NamedTuple):
    """The effective Pod of a workload: its spec and metadata, and where both stand in the object."""

    spec: dict[str, Any]
    metadata: dict[str, Any]
    spec_route: Route
    metadata_route: Route

    def containers(self) -> Iterator[tuple[Route, str, Any]]:
        """Every container as (route in the object, container type, value); what is no list comes as it is.

        Container types are ``container``, ``init`` and ``ephemeral``.
        """
        for name, kind in CONTAINER_TYPES.items():
            value = self.spec.get(name)
            route = (*self.spec_route, name)
            if isinstance(value, list):
                yield from (((*route, index), kind, item) for index, item in enumerate(value))
            elif value:
                yield route, kind, value


def pod_view(obj: KubeObject) -> PodView | None:
    """The effective Pod of an object; None for kinds without a pod template.

    A template that is missing, or is no map, is an empty Pod.
    """
    template = TEMPLATES.get(obj.group_kind)
    if template is None:
        return None

    def part(name: str) -> dict[str, Any]:
        value = lookup(obj.body, (*template, name))[1]
        return value if isinstance(value, dict) else {}

    return PodView(part("spec"), part("metadata"), (*template, "spec"), (*template, "metadata"))
