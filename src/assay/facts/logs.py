"""Which DaemonSets read log files of the nodes.

Sources: the Kubernetes documentation of volumes (hostPath), of taints and tolerations and of the kubeadm implementation
(the taint of control-plane nodes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.facts.index import Index, Workload, items, maps, part, text
from assay.facts.interface import Fact, Table

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.model.objects import KubeObject

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_LISTS = ("containers", "initContainers")


class Logs(Fact):
    """``facts.logs``, the same for every object: {readers: [{name, paths, controlPlane}]} (docs/facts/logs.md)."""

    turns_fail = ("apps/DaemonSet",)
    anywhere = frozenset(turns_fail)

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        found = (
            _reader(w) for group in index.workloads.values() for w in group if w.object.group_kind == "apps/DaemonSet"
        )
        self._all = {"readers": [reader for reader in found if reader["paths"]]}

    def of(self, obj: KubeObject) -> dict[str, Any]:  # noqa: ARG002 - the nodes' logs are the same for all
        """Every DaemonSet that mounts folders of its node, and whether it runs beside the API server."""
        return self._all

    def table(self) -> Table:
        """One row for each reader."""
        rows = ((entry["name"], entry["paths"], entry["controlPlane"]) for entry in self._all["readers"])
        return Table(("daemon set", "paths", "on the control plane"), tuple(rows))


def _reader(workload: Workload) -> dict[str, Any]:
    spec = workload.view.spec
    mounted = {text(mount, "name") for name in _LISTS for c in maps(spec, name) for mount in maps(c, "volumeMounts")}
    volumes = [volume for volume in maps(spec, "volumes") if text(volume, "name") in mounted]
    named = {text(volume, "hostPath", "path") for volume in volumes} - {""}
    paths = sorted(path.rstrip("/") or "/" for path in named)
    name = f"{workload.namespace}/{workload.object.identity.name}"
    return {"name": name, "paths": paths, "controlPlane": _on_control_plane(spec)}


def _on_control_plane(spec: dict[str, Any]) -> bool | None:
    """Whether Pods run on control-plane nodes; None where a node selector or affinity decides."""
    if not any(_tolerates(entry) for entry in maps(spec, "tolerations")):
        return False
    chosen = part(spec, "nodeSelector") or items(
        spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"
    )
    return None if chosen else True


def _tolerates(entry: dict[str, Any]) -> bool:
    """Whether a toleration matches ``node-role.kubernetes.io/control-plane:NoSchedule``, whose value is empty."""
    if text(entry, "effect") not in ("", "NoSchedule"):
        return False
    if entry.get("operator") == "Exists":
        return text(entry, "key") in ("", _CONTROL_PLANE)
    return text(entry, "key") == _CONTROL_PLANE and text(entry, "value") == ""
