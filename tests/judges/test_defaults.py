"""A manifest and what the API server keeps of it get the same verdicts.

The server fills in defaults, drops what is empty and adds what it manages. Whoever scans files and then the cluster
that they were applied to must not read two answers. Rules about what somebody must write down (``about: declaration``)
are left out: there the manifest has no answer and the cluster has the default.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

from assay.engine.examples import CLOCK
from assay.engine.judge import Judge
from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import World
from assay.model.rules import Binding, Rule
from assay.model.verdicts import Verdict
from assay.redact import Masker
from tests.judges.examples import NAMESPACE, Example, examples, gvk, prepare, submit
from tests.judges.server import Server
from tests.judges.test_pod_security import Nowhere, library

# An example that has one shows an object of a cluster, and no manifest.
WRITTEN_BY_SERVERS = {"uid", "creationTimestamp", "managedFields"}

GITOPS = "controllers leave their marks while they apply, so only objects with an identity are judged"
AUTOSCALED = "no autoscaler runs here that would set the number, and the default is one"

# Once stored, these act on the requests of others, or their name is prescribed: a dry run says what would be stored.
NEVER_STORED = {
    *("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy"),
    *("ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
    *("CustomResourceDefinition", "APIService", "FlowSchema", "PriorityLevelConfiguration", "LimitRange"),
    *("ResourceQuota", "IngressClass", "StorageClass", "PriorityClass", "RuntimeClass", "Namespace", "Node", "Service"),
}

# The rules that say something else of what is stored, and why that is right.
EXPECTED = {
    "binding-managed-by-gitops": GITOPS,
    "network-policy-managed-by-gitops": GITOPS,
    "workload-managed-by-gitops": GITOPS,
    "deployment-has-multiple-replicas": AUTOSCALED,
    "pod-anti-affinity-or-spread": AUTOSCALED,
    "pod-service-account-exists": "the server writes the account of a Pod that names none, which is `default`",
    "pod-no-host-port": "the server writes the ports of a Pod on the network of its node as hostPort",
    "pod-security-context-set": "the server writes the old annotation of AppArmor as a field of the container",
}


def nowhere(obj: dict[str, Any]) -> dict[str, Any]:
    """A copy that names no namespace."""
    return {**obj, "metadata": {key: part for key, part in obj["metadata"].items() if key != "namespace"}}


class Stored:
    """What the server keeps of objects, each created for real under a name of its own, and read back."""

    def __init__(self, server: Server, objects: Iterable[dict[str, Any]]) -> None:
        self._server = server
        self._namespace = server.namespace(prefix="defaults")
        self._kept: dict[str, dict[str, Any] | None] = {}
        prepare(server, map(nowhere, objects), self._namespace)

    def of(self, example: Example) -> list[dict[str, Any]]:
        """The objects as they are read back, with their own names, as far as the server takes them."""
        accounts = [obj for obj in example.objects if obj["kind"] == "ServiceAccount"]
        if not accounts or len(example.objects) == 1:
            return [kept for obj in example.objects if (kept := self._once(obj))]
        # The account of a Pod decides what the server writes into it, so it is there first and under its name.
        space = self._server.namespace(prefix="defaults")
        for account in accounts:
            self._server.create(nowhere(account), space)
        prepare(self._server, map(nowhere, example.objects), space)
        return [kept for obj in example.objects if (kept := self._stored(obj, space))]

    def _once(self, obj: dict[str, Any]) -> dict[str, Any] | None:
        key = json.dumps(obj)
        if key not in self._kept:
            self._kept[key] = self._stored(obj, self._namespace)
        return self._kept[key]

    def _stored(self, obj: dict[str, Any], namespace: str) -> dict[str, Any] | None:
        if obj["kind"] in NEVER_STORED:
            answer = self._server.dry_run(obj, NAMESPACE)
            return answer.body if answer.ok else None
        own = nowhere(obj)
        own["metadata"]["name"] = self._server.unique("x")
        made = submit(self._server, own, namespace)
        if not made.ok:
            return None
        stored: dict[str, Any] = self._server.get(self._server.path_of(made.body)).body
        stored["metadata"]["name"] = obj["metadata"].get("name", "")
        if "namespace" in stored["metadata"]:
            stored["metadata"]["namespace"] = obj["metadata"].get("namespace", NAMESPACE)
        return stored


class Rules:
    """A few rules with values for their parameters: what they say of a world."""

    def __init__(self, rules: Iterable[Rule], params: dict[str, Any]) -> None:
        self._bindings = [
            Binding(rule, {**{param.name: param.default for param in rule.params}, **params})
            for rule in rules
            if not rule.about
        ]
        self._judge = Judge(self._bindings, lambda _object, _pack: True)

    def said(self, objects: Iterable[dict[str, Any]], *, complete: bool) -> set[tuple[str, str]]:
        """What the rules say of the objects, as (rule, object and verdict).

        Of rules that walk lists only what does not pass counts: one item more that is fine (the volume of the token
        that every Pod gets) is no other answer.
        """
        masker = Masker()
        made = tuple(build_object(deepcopy(obj), Nowhere(), "example", NAMESPACE, masker) for obj in objects)
        world = World("example", "environment", CLOCK, complete=complete, objects=made)
        judged = self._judge.judge(world, Facts(world))
        items = Counter((finding.rule, finding.identity, finding.verdict) for finding in judged.findings)
        found = {(rule, f"{identity}: {count} {verdict}") for (rule, identity, verdict), count in items.items()}
        for tally in judged.tallies:
            rule = self._bindings[tally.binding].rule
            if tally.verdict is Verdict.PASS and not rule.each:
                found.add((rule.id, f"{made[tally.object].identity}: {tally.verdict}"))
        return found


def test_examples_are_judged_as_what_the_server_keeps_of_them(
    api_server: Server, shared: Path, compared: Callable[[str], None]
) -> None:
    """Every example of a pass or a failure whose objects the server takes, by all rules and by its own."""
    taken = [
        example
        for example in examples()
        if all(
            gvk(obj) in api_server.served and not obj["metadata"].keys() & WRITTEN_BY_SERVERS for obj in example.objects
        )
    ]
    prepare(api_server, (obj for example in taken for obj in example.objects))
    stored = Stored(api_server, (obj for example in taken for obj in example.objects))
    with ThreadPoolExecutor(4) as threads:
        kept = list(threads.map(stored.of, taken))
    rules = library().rules
    everything = Rules(rules.values(), {})
    different: dict[str, list[str]] = {}
    count = objects = 0
    for example, read_back in zip(taken, kept, strict=True):
        if len(read_back) < len(example.objects):
            continue
        count, objects = count + 1, objects + len(read_back)
        applied = [placed(obj, back) for obj, back in zip(example.objects, read_back, strict=True)]
        for judges in [everything, *([Rules([rules[example.rule]], example.params)] if example.params else [])]:
            before = judges.said(applied, complete=example.complete)
            after = judges.said(read_back, complete=example.complete)
            for rule, text in before ^ after:
                which = "manifest" if (rule, text) in before else "server"
                different.setdefault(rule, []).append(f"{example}: the {which} says {text}")
    assert {rule: said for rule, said in different.items() if rule not in EXPECTED} == {}
    assert different.keys() == EXPECTED.keys(), "not different after all: take it out of the list"
    assert count > 1500
    compared(f"{count} examples, {objects} objects read back, {len(different)} rules differ as listed")


def placed(obj: dict[str, Any], back: dict[str, Any]) -> dict[str, Any]:
    """A manifest with the namespace that it is applied to."""
    namespace = back["metadata"].get("namespace")
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}} if namespace else obj
