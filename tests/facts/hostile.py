"""Worlds of objects whose fields may have any type, as hostile input has."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from assay.facts import Facts
from assay.facts.interface import Fact
from tests.facts.storage import world
from tests.unit.test_facts import JSON

_KINDS = [
    ("v1", "Pod"),
    ("v1", "Namespace"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "LimitRange"),
    ("v1", "ResourceQuota"),
    ("apps/v1", "StatefulSet"),
    ("policy/v1", "PodDisruptionBudget"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("networking.k8s.io/v1", "Ingress"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("kyverno.io/v1", "ClusterPolicy"),
    ("constraints.gatekeeper.sh/v1beta1", "K8sRequiredLabels"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("external-secrets.io/v1", "ExternalSecret"),
    ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"),
]
_NAMES = """
    spec metadata labels annotations ownerReferences template containers initContainers volumes secret secretName name
    items key env envFrom valueFrom secretKeyRef secretRef securityContext runAsUser tls rules backend service port
    ports webhooks clientConfig namespaceSelector roleRef subjects kind apiVersion scaleTargetRef target data
    selector matchLabels matchExpressions minAvailable maxUnavailable replicas minReplicas minReplicaCount hard scopes
    secretObjects limits type max default
    policyName validationActions matchConstraints resourceRules resources match any all exclude
    validate failureAction endpoints conditions serviceAccountName imagePullSecrets app
"""
_ANY = st.recursive(
    JSON | st.sampled_from(["db", "Container", "Deny", "Enforce", "50%", "None"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_NAMES.split()), inner, max_size=4),
    max_leaves=12,
)


def _body(kind: tuple[str, str], fields: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    named = {**metadata, "name": "db", "namespace": "shop"}
    return {**fields, "apiVersion": kind[0], "kind": kind[1], "metadata": named}


_FIELDS = st.dictionaries(st.sampled_from(_NAMES.split()), _ANY, max_size=4)
BODIES = st.lists(st.builds(_body, st.sampled_from(_KINDS), _FIELDS, _FIELDS), min_size=1, max_size=4)


def survives(name: str, bodies: list[dict[str, Any]], *, complete: bool) -> Fact:
    """Ask a fact about every object of a world, and for its table; an answer is a map, or the reason for none."""
    seen = world(*bodies, complete=complete)
    fact = Facts(seen).fact(name)
    for obj in seen.objects:
        answer = fact.of(obj)
        assert isinstance(answer, dict) or answer
    table = fact.table()
    assert all(len(row) == len(table.columns) for row in table.rows)
    return fact
