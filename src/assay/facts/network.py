"""Which NetworkPolicies select a workload.

Source: the NetworkPolicy API reference. A pod is isolated for a direction as soon as one policy that selects it
names the direction; ``policyTypes`` defaults to Ingress, and Egress too where the policy has egress rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.facts.interface import Fact
from assay.workloads import pod_view

if TYPE_CHECKING:
    from assay.model.objects import KubeObject, World


class NetworkIsolation(Fact):
    """``facts.network``: {ingressIsolated, egressIsolated: bool, policies: names, hostNetwork: bool}."""

    turns_fail = ("networking.k8s.io/NetworkPolicy",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._policies: dict[str | None, list[KubeObject]] = {}
        for obj in world.objects:
            if obj.group_kind == "networking.k8s.io/NetworkPolicy":
                self._policies.setdefault(obj.identity.namespace, []).append(obj)

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The isolation of a workload's pods."""
        view = pod_view(obj)
        if view is None:
            return "only workloads have network isolation"
        labels = view.metadata.get("labels") or {}
        found = [p for p in self._policies.get(obj.identity.namespace, ()) if _selects(_spec(p), labels)]
        return {
            "ingressIsolated": any("Ingress" in _types(_spec(policy)) for policy in found),
            "egressIsolated": any("Egress" in _types(_spec(policy)) for policy in found),
            "policies": [policy.identity.name for policy in found],
            "hostNetwork": view.spec.get("hostNetwork") is True,
        }


def _spec(policy: KubeObject) -> Mapping[str, Any]:
    spec = policy.body.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _types(spec: Mapping[str, Any]) -> list[str]:
    types = spec.get("policyTypes")
    if isinstance(types, list) and types:
        return types
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _selects(spec: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    selector = spec.get("podSelector")
    return label_selector_matches(selector if isinstance(selector, Mapping) else {}, labels)


def label_selector_matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """A LabelSelector against labels; the empty one selects everything (Kubernetes API, LabelSelector)."""
    exact = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(_requirement(entry, labels) for entry in selector.get("matchExpressions") or ())


def _requirement(entry: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, operator = entry.get("key", ""), entry.get("operator")
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    among = key in labels and labels[key] in (entry.get("values") or ())
    return among if operator == "In" else not among
