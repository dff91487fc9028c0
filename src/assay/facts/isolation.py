"""Which NetworkPolicies select a workload.

Source: the NetworkPolicy API reference. A pod is isolated for a direction as soon as one policy that selects it
names the direction; ``policyTypes`` defaults to Ingress, and Egress too where the policy has egress rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.facts.index import labels_of, part, selects
from assay.facts.interface import Fact, Table
from assay.workloads import PodView, pod_view

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

_POLICY = "networking.k8s.io/NetworkPolicy"


class Isolation(Fact):
    """``facts.isolation``: {ingressIsolated, egressIsolated: bool, policies: names, hostNetwork: bool}."""

    turns_fail = (_POLICY,)

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The isolation of a workload's pods."""
        view = pod_view(obj)
        return "only workloads have network isolation" if view is None else self._of(obj, view)

    def table(self) -> Table:
        """One row for each workload."""
        rows = []
        for namespace, workloads in self.index.workloads.items():
            for workload in workloads:
                found = self._of(workload.object, workload.view)
                rows.append((namespace, workload.object.kind, workload.object.identity.name, *found.values()))
        return Table(
            ("namespace", "kind", "name", "ingress isolated", "egress isolated", "policies", "host network"),
            tuple(rows),
        )

    def _of(self, obj: KubeObject, view: PodView) -> dict[str, Any]:
        labels = labels_of(view.metadata)
        policies = self.index.in_namespace(_POLICY, obj.identity.namespace)
        found = [p for p in policies if selects(part(p.body, "spec", "podSelector"), labels)]
        return {
            "ingressIsolated": any("Ingress" in _types(part(policy.body, "spec")) for policy in found),
            "egressIsolated": any("Egress" in _types(part(policy.body, "spec")) for policy in found),
            "policies": [policy.identity.name for policy in found],
            "hostNetwork": view.spec.get("hostNetwork") is True,
        }


def _types(spec: Mapping[str, Any]) -> list[str]:
    types = spec.get("policyTypes")
    if isinstance(types, list) and types:
        return types
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
