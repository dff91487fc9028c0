"""Exported rules decide at admission as they do in a scan: every example of every rule that can be exported."""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from assay.engine.examples import judge_one
from assay.engine.export import ExportError, export
from assay.engine.load import load_library, read_examples
from assay.model.origin import Route, format_route, lookup
from assay.model.rules import Binding, Rule
from assay.shipped import shipped
from tests.judges.examples import NAMESPACE, gvk, prepare
from tests.judges.server import Answer, Server

DENIED = "ValidatingAdmissionPolicy"
SECONDS_TO_COUNT = 30
PARTS = 2  # that each example is tried without
NEEDED = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}

DECISIONS = {"fail": "denied", "error": "error"}

# Rules whose examples show what no request to a server looks like; docs/export.md has the reasons.
DEFAULTS = "the server fills in what the manifest leaves out, and then asks"
IDENTITY = "the server gives the object a uid, a namespace and its managed fields, and then asks"
DIFFERS = {
    "deployment-has-multiple-replicas": DEFAULTS,
    "pod-anti-affinity-or-spread": DEFAULTS,
    "pod-no-host-port": DEFAULTS,
    "api-version-not-removed": IDENTITY,
    "network-policy-managed-by-gitops": IDENTITY,
    "no-user-workload-in-kube-system": IDENTITY,
    "no-workload-in-default-namespace": IDENTITY,
    "workload-managed-by-gitops": IDENTITY,
}


class Case(NamedTuple):
    """An example, and the user for whom nothing but its rule is enforced."""

    rule: Rule
    params: dict[str, Any]
    name: str
    verdict: str
    object: dict[str, Any]
    user: str

    def __str__(self) -> str:
        return f"{self.rule.id} [{self.verdict}] {self.name}"


class Decision(NamedTuple):
    """A case with our verdict and the server's answer."""

    case: Case
    verdict: str
    answer: Answer

    @property
    def differs(self) -> bool:
        return _decision(self.answer) != DECISIONS.get(self.verdict, "allowed")

    def __str__(self) -> str:
        return f"{self.case}: {self.verdict}, but {self.answer.message or 'allowed'}"


@pytest.fixture(scope="module")
def enforced(api_server: Server) -> Iterator[list[Case]]:
    """Every rule that can be exported, with the values that its examples want, each for a user of its own."""
    prefix = api_server.unique("admission")
    policies: dict[str, dict[str, Any]] = {}
    cases: list[Case] = []
    for rule in load_library(shipped("policies")).rules.values():
        for verdict, examples in read_examples(rule.file).items():
            for example in examples if verdict in ("pass", "fail", "not applicable") else ():
                values = example.get("params") or {}
                try:
                    made = _for_user(rule, values, f"{prefix}-{len(policies)}")
                except ExportError:
                    continue
                key = json.dumps([rule.id, values], sort_keys=True)
                user = policies.setdefault(key, made)["metadata"]["name"]
                if gvk(example["object"]) in api_server.served:
                    cases.append(Case(rule, values, example["name"], verdict, example["object"], user))
    users = [policy["metadata"]["name"] for policy in policies.values()]
    canary = f"{prefix}-canary"
    created = [_rights([*users, canary], prefix), *policies.values(), _deny_all(canary)]
    created += [_bound(name) for name in (*users, canary)]
    try:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(api_server.create, created))
        refused = [answer.message for answer in answers if not answer.ok]
        assert refused == []
        prepare(api_server, (case.object for case in cases))
        _wait_for(api_server, canary)
        yield cases
    finally:
        for body in reversed(created):
            api_server.delete(api_server.path_of(body))


def _for_user(rule: Rule, values: dict[str, Any], name: str) -> dict[str, Any]:
    """The exported policy, for one user only: the server is shared with other tests."""
    binding = Binding(rule, {**{param.name: param.default for param in rule.params}, **values})
    policy = export(binding).policy
    own = {"name": "own", "expression": f"request.userInfo.username == '{name}'"}
    spec = {**policy["spec"], "matchConditions": [own, *policy["spec"]["matchConditions"]]}
    return {**policy, "metadata": {"name": name}, "spec": spec}


def _deny_all(name: str) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["configmaps"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "own", "expression": f"request.userInfo.username == '{name}'"}],
            "validations": [{"expression": "false"}],
        },
    }


def _bound(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }


def _rights(users: list[str], name: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
    }


def _wait_for(server: Server, canary: str) -> None:
    """Until the policy that was made last counts."""
    end = time.monotonic() + SECONDS_TO_COUNT
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": canary}}
    while server.dry_run(body, NAMESPACE, user=canary).ok:
        assert time.monotonic() < end, "no admission policy took effect"
        time.sleep(0.2)


def _decision(answer: Answer) -> str:
    """What the policy decided; nothing where it did not come to that."""
    if answer.ok:
        return "allowed"
    if DENIED not in answer.message:
        return ""
    return "error" if "resulted in error" in answer.message else "denied"


def _without(case: Case) -> Iterator[Case]:
    """The example without some of its parts, each as we judge it; always the same ones."""
    routes = sorted(_routes(case.object), key=str)
    for route in random.Random(str(case)).sample(routes, min(PARTS, len(routes))):
        body = copy.deepcopy(case.object)
        *parents, last = route
        within: Any = lookup(body, tuple(parents))[1]
        del within[last]
        yield case._replace(name=f"{case.name}, without {format_route(route)}", object=body)


def _routes(value: Any, route: Route = ()) -> Iterator[Route]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in entries:
        below = (*route, key)
        if below not in NEEDED:
            yield below
        yield from _routes(child, below)


def _decisions(server: Server, cases: list[Case]) -> list[Decision]:
    """What both say to cases; those that the server refuses without any policy are left out."""
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda case: server.dry_run(case.object, NAMESPACE, user=case.user), cases)
        return [
            Decision(case, str(judge_one(case.rule, case.object, params=case.params)[0]), answer)
            for case, answer in zip(cases, answers, strict=True)
            if _decision(answer)
        ]


def _told(decisions: list[Decision]) -> str:
    verdicts = Counter(decision.verdict for decision in decisions).most_common()
    text = ", ".join(f"{number} {verdict}" for verdict, number in verdicts)
    return f"{len(decisions)} of {len({decision.case.rule.id for decision in decisions})} rules ({text})"


def test_the_server_decides_as_we_do(enforced: list[Case], api_server: Server, compared: Callable[[str], None]) -> None:
    """Every example, and every example without some of its parts, which may be what the server fills in."""
    whole = _decisions(api_server, enforced)
    parts = _decisions(api_server, [less for case in enforced for less in _without(case)])
    compared(f"decisions on examples: {_told(whole)}; on examples without a part: {_told(parts)}")
    assert len(whole) + len(parts) >= 2000
    assert [str(one) for one in (*whole, *parts) if one.differs and one.case.rule.id not in DIFFERS] == []
    assert {one.case.rule.id for one in whole if one.differs} == DIFFERS.keys()


def test_an_ephemeral_container_is_judged_where_it_is_attached(enforced: list[Case], api_server: Server) -> None:
    user = next(case.user for case in enforced if case.rule.id == "container-not-privileged")
    assert [_attached(api_server, user, privileged) for privileged in (False, True)] == ["allowed", "denied"]


def _attached(server: Server, user: str, privileged: bool) -> str:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": server.unique("attached")},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    }
    made = server.create(pod, NAMESPACE)
    assert made.ok, made.message
    ephemeral = {"name": "debug", "image": "debug:1", "securityContext": {"privileged": privileged}}
    body = {**made.body, "spec": {**made.body["spec"], "ephemeralContainers": [ephemeral]}}
    return _decision(server.put(f"{server.path_of(made.body)}/ephemeralcontainers?dryRun=All", body, user=user))
