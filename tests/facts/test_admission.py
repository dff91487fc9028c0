"""``facts.admission``, one case for each row of its decision table (docs/facts/admission.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.hostile import BODIES, survives
from tests.facts.storage import Body, fact_of, rows_of, thing

GROUP = "admissionregistration.k8s.io/v1"
PREFIX = "pod-security.kubernetes.io/"


def shop(**labels: str) -> Body:
    named = {key if key in ("tier",) else PREFIX + key.replace("_", "-"): value for key, value in labels.items()}
    return thing("v1", "Namespace", "shop", metadata={"labels": named})


LEVELS: list[tuple[str, Body, dict[str, str]]] = [
    ("a level is named", shop(enforce="baseline"), {"enforce": "baseline", "enforceVersion": "latest"}),
    ("no level is named", shop(), {"enforce": "", "enforceVersion": "", "audit": "", "warn": ""}),
    ("a level that is none", shop(enforce="strict"), {"enforce": "restricted", "warn": ""}),
    ("a level that is none, for warnings", shop(enforce="restricted", warn="strict"), {"warn": "privileged"}),
    (
        "a level for warnings is not named",
        shop(enforce="restricted", enforce_version="v1.30"),
        {"warn": "restricted", "warnVersion": "v1.30", "audit": ""},
    ),
    (
        "a version is named",
        shop(audit="baseline", audit_version="v1.29"),
        {"audit": "baseline", "auditVersion": "v1.29"},
    ),
    ("a Namespace that was not seen", thing("v1", "ConfigMap", "c", "shop"), {"enforce": "", "warn": ""}),
]


@pytest.mark.parametrize(("case", "of", "expected"), LEVELS, ids=[case[0] for case in LEVELS])
def test_pod_security(case: str, of: Body, expected: dict[str, str]) -> None:
    found = fact_of("admission", of)["podSecurity"]
    assert {key: found[key] for key in expected} == expected
    assert bool(found["unknown"]) is (found["enforce"] == "")


def policy(**spec: Any) -> Body:
    return thing(GROUP, "ValidatingAdmissionPolicy", "p", spec=spec)


def binding(*actions: str, **spec: Any) -> Body:
    spec = {"policyName": "p", "validationActions": list(actions), **spec}
    return thing(GROUP, "ValidatingAdmissionPolicyBinding", "b", spec=spec)


def kyverno(rule: Body, kind: str = "ClusterPolicy", namespace: str = "", **spec: Any) -> Body:
    rule = {"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "validate": {}, **rule}
    return thing("kyverno.io/v1", kind, "p", namespace, spec={"rules": [rule], **spec})


def constraint(match: Body | None = None, **spec: Any) -> Body:
    return thing("constraints.gatekeeper.sh/v1beta1", "K8sLabels", "c", spec={"match": match or {}, **spec})


def for_label(value: str) -> Body:
    return {"namespaceSelector": {"matchLabels": {"tier": value}}}


SEEN, UNSEEN = shop(tier="web"), thing("v1", "ConfigMap", "c", "shop")
HOOK = {"name": "w", "clientConfig": {"service": {"namespace": "engine", "name": "s"}}}
HOOKS = thing(GROUP, "ValidatingWebhookConfiguration", "h", webhooks=[HOOK])
NAMED = {"any": [{"resources": {"kinds": ["Pod"], "namespaces": ["sh*"]}}]}
VALIDATING = thing("policies.kyverno.io/v1", "ValidatingPolicy", "p", spec={"validationActions": ["Deny"]})

POLICIES: list[tuple[str, Body, list[Body], dict[str, Any]]] = [
    ("a binding that denies", SEEN, [policy(), binding("Deny")], {"denies": True, "applies": True, "name": "p/b"}),
    ("a binding that audits and warns", SEEN, [policy(), binding("Audit", "Warn")], {"denies": False}),
    ("a policy without a binding", SEEN, [policy()], {}),
    ("a binding whose policy was not seen", SEEN, [binding("Deny")], {"denies": None, "applies": None}),
    (
        "a binding for a label that the namespace lacks",
        SEEN,
        [policy(), binding("Deny", matchResources=for_label("db"))],
        {"denies": True, "applies": False},
    ),
    (
        "a policy for a label, and a Namespace that was not seen",
        UNSEEN,
        [policy(matchConstraints=for_label("web")), binding("Deny")],
        {"denies": True, "applies": None},
    ),
    ("failurePolicy is absent", SEEN, [policy(), binding("Deny")], {"failsClosed": True}),
    (
        "a rule of Kyverno that enforces",
        SEEN,
        [kyverno({"validate": {"failureAction": "Enforce"}})],
        {"denies": True, "applies": True, "resources": ["Pod"], "name": "p/r"},
    ),
    ("a rule of Kyverno without an action", SEEN, [kyverno({})], {"denies": False}),
    ("the policy of Kyverno enforces", SEEN, [kyverno({}, validationFailureAction="enforce")], {"denies": True}),
    (
        "overrides of the action",
        SEEN,
        [kyverno({}, validationFailureActionOverrides=[{"action": "Audit", "namespaces": ["shop"]}])],
        {"denies": None},
    ),
    (
        "admission is off",
        SEEN,
        [kyverno({}, validationFailureAction="Enforce", admission=False)],
        {"denies": False},
    ),
    ("a rule for named namespaces", UNSEEN, [kyverno({"match": NAMED})], {"applies": True}),
    ("a rule that excludes something", SEEN, [kyverno({"exclude": {"any": [{}]}})], {"applies": None}),
    (
        "a rule that excludes something, for other namespaces",
        SEEN,
        [kyverno({"exclude": {"any": [{}]}, "match": {"any": [{"resources": {"namespaces": ["cart"]}}]}})],
        {"applies": False},
    ),
    ("a Policy of another namespace", SEEN, [kyverno({}, "Policy", "cart")], {"applies": False}),
    ("a ValidatingPolicy that denies", SEEN, [VALIDATING], {"denies": True, "failsClosed": True}),
    ("a constraint without an action", SEEN, [constraint()], {"denies": True, "applies": True, "name": "K8sLabels/c"}),
    ("a constraint that is a dry run", SEEN, [constraint(enforcementAction="dryrun")], {"denies": False}),
    ("a constraint with scoped actions", SEEN, [constraint(enforcementAction="scoped")], {"denies": None}),
    (
        "a constraint that excludes the namespace by a pattern",
        UNSEEN,
        [constraint({"excludedNamespaces": ["sh*"]})],
        {"applies": False},
    ),
    ("a webhook", SEEN, [HOOKS], {"denies": None, "failsClosed": True, "applies": True}),
]


@pytest.mark.parametrize(("case", "of", "others", "expected"), POLICIES, ids=[case[0] for case in POLICIES])
def test_policies(case: str, of: Body, others: list[Body], expected: dict[str, Any]) -> None:
    found = fact_of("admission", of, *others)["policies"]
    assert len(found) == bool(expected)
    assert {key: found[0][key] for key in expected} == expected if expected else not found


SERVICE = thing("v1", "Service", "s", "engine", spec={"selector": {"app": "e"}, "ports": [{"port": 443}]})


def engine(replicas: int) -> Body:
    template = {"metadata": {"labels": {"app": "e"}}, "spec": {}}
    return thing("apps/v1", "Deployment", "e", "engine", spec={"replicas": replicas, "template": template})


def endpoints(**conditions: bool) -> Body:
    labels = {"labels": {"kubernetes.io/service-name": "s"}}
    listed = [{"addresses": ["10.0.0.1"], "conditions": conditions}]
    return thing("discovery.k8s.io/v1", "EndpointSlice", "s-1", "engine", metadata=labels, endpoints=listed)


OUTSIDE = thing(GROUP, "ValidatingWebhookConfiguration", "h", webhooks=[{"clientConfig": {"url": "https://x"}}])
SERVED: list[tuple[str, Body, list[Body], tuple[bool | None, bool | None]]] = [
    ("a webhook whose Service has a workload", HOOKS, [SERVICE, engine(2)], (True, True)),
    ("a webhook whose workload has no Pods", HOOKS, [SERVICE, engine(0)], (True, False)),
    ("a webhook whose Service selects nothing", HOOKS, [SERVICE], (True, None)),
    ("a webhook whose endpoints are not ready", HOOKS, [SERVICE, engine(2), endpoints(ready=False)], (True, False)),
    ("a webhook whose endpoints do not say", HOOKS, [SERVICE, endpoints()], (True, True)),
    ("a webhook with an address outside", OUTSIDE, [], (None, None)),
]


@pytest.mark.parametrize(("case", "of", "others", "expected"), SERVED, ids=[case[0] for case in SERVED])
def test_webhooks(case: str, of: Body, others: list[Body], expected: tuple[bool | None, bool | None]) -> None:
    webhook = fact_of("admission", of, *others)["webhooks"][0]
    assert (webhook["exists"], webhook["served"]) == expected


def test_the_page_lists_these_cases() -> None:
    cases = {case[0] for case in LEVELS} | {case[0] for case in POLICIES} | {case[0] for case in SERVED}
    assert rows_of("admission.md") == cases


def test_a_webhook_of_v1beta1_fails_open() -> None:
    old = {**HOOKS, "apiVersion": "admissionregistration.k8s.io/v1beta1"}
    assert fact_of("admission", old)["webhooks"][0]["failsClosed"] is False


def test_what_was_not_seen_is_said() -> None:
    assert not fact_of("admission", SEEN)["unseen"]
    assert fact_of("admission", SEEN, complete=("shop",))["unseen"]


@given(BODIES, st.booleans())
def test_fields_of_any_type_break_nothing(bodies: list[Body], complete: bool) -> None:
    survives("admission", bodies, complete=complete)
