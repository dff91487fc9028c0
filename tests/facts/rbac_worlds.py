"""Small worlds of roles and bindings, made by chance, for the tests of the facts and for the API server."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import World
from assay.model.origin import Place, Route
from assay.redact import Masker

GROUP = "rbac.authorization.k8s.io"
Object = dict[str, Any]

# What leads somewhere in the fact about escalation, and what is near to it and does not.
POWERFUL: tuple[tuple[str, str, str], ...] = (
    ("*", "*", "*"),
    ("create", "", "pods"),
    ("update", "apps", "deployments"),
    ("create", "apps", "deployments"),
    ("delete", "apps", "deployments"),
    ("create", "", "pods/exec"),
    ("patch", "", "pods/ephemeralcontainers"),
    ("update", "", "pods"),
    ("create", "", "persistentvolumeclaims"),
    ("create", "", "persistentvolumes"),
    ("create", "", "serviceaccounts/token"),
    ("create", "", "serviceaccounts"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("create", "", "secrets"),
    ("get", "", "nodes/proxy"),
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("impersonate", "", "serviceaccounts"),
    ("bind", GROUP, "clusterroles"),
    ("bind", GROUP, "roles"),
    ("create", GROUP, "clusterrolebindings"),
    ("update", GROUP, "clusterrolebindings"),
    ("create", GROUP, "rolebindings"),
    ("patch", GROUP, "rolebindings"),
    ("escalate", GROUP, "clusterroles"),
    ("escalate", GROUP, "roles"),
    ("update", GROUP, "clusterroles"),
    ("update", GROUP, "roles"),
    ("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("create", "admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("create", "admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ("create", "certificates.k8s.io", "certificatesigningrequests"),
    ("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
    ("approve", "certificates.k8s.io", "signers"),
)

# What leads somewhere only together.
TOGETHER: tuple[tuple[tuple[str, str, str], ...], ...] = (
    (("bind", GROUP, "clusterroles"), ("create", GROUP, "clusterrolebindings")),
    (("bind", GROUP, "clusterroles"), ("update", GROUP, "clusterrolebindings")),
    (("bind", GROUP, "clusterroles"), ("create", GROUP, "rolebindings")),
    (("bind", GROUP, "roles"), ("create", GROUP, "rolebindings")),
    (("bind", GROUP, "roles"), ("patch", GROUP, "rolebindings")),
    (("escalate", GROUP, "clusterroles"), ("update", GROUP, "clusterroles")),
    (("escalate", GROUP, "roles"), ("update", GROUP, "roles")),
    (("create", "", "secrets"), ("get", "", "secrets")),
    (("impersonate", "", "groups"), ("impersonate", "", "users")),
    (("impersonate", "", "groups"), ("impersonate", "", "serviceaccounts")),
    (("create", "", "persistentvolumes"), ("create", "", "persistentvolumeclaims"), ("create", "", "pods")),
    (
        ("create", "admissionregistration.k8s.io", "mutatingadmissionpolicies"),
        ("create", "admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    ),
    (
        ("create", "certificates.k8s.io", "certificatesigningrequests"),
        ("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
        ("approve", "certificates.k8s.io", "signers"),
    ),
)

# Verbs, API groups and resources between which only the authorizer's own comparison decides.
VERBS = ("get", "list", "create", "delete", "escalate", "*")
GROUPS = ("", "apps", "batch", "*")
RESOURCES = (
    "pods",
    "pods/exec",
    "pods/log",
    "*/exec",
    "*/*",
    "pods/*",
    "*",
    "deployments",
    "deployments/scale",
    "*/scale",
)
NAMES = ("a", "b", "")
PATHS = ("/metrics", "/metrics/*", "/debug/*", "/logs", "/logs*", "*", "/debug/pprof/*", "/de*")


class _Nowhere:
    """The origin of an object that a test made."""

    def places(self, route: Route) -> tuple[Place, ...]:  # noqa: ARG002
        return ()


def see(objects: Iterable[Object], *, complete: bool | tuple[str, ...] = True, kind: str = "environment") -> Facts:
    """The facts of a world that holds the objects; what names no namespace is in ``one``."""
    seen = tuple(build_object(obj, _Nowhere(), "test", "one", Masker()) for obj in objects)
    return Facts(World("test", kind, "2026-01-01T00:00:00Z", complete=complete, objects=seen))


class Names(NamedTuple):
    """What things of a world are called: on a server that others use too, the names are nobody else's."""

    namespaces: Sequence[str] = ("one", "two")
    suffix: str = ""

    def of(self, kind: str, number: int) -> str:
        return f"{kind}{number}{self.suffix}"


class Maker:
    """Makes objects; the same seed makes the same."""

    def __init__(self, seed: int, names: Names) -> None:
        self.random = random.Random(seed)
        self.names = names

    def some(self, choices: Sequence[Any], most: int = 2) -> list[Any]:
        return self.random.sample(choices, self.random.randint(1, min(most, len(choices))))

    def plain_rule(self, *, paths: bool) -> Object:
        """An entry of a role from the alphabet that only comparison decides."""
        if paths and self.random.random() < 0.25:
            return {"nonResourceURLs": self.some(PATHS), "verbs": self.some(("get", "post", "*"))}
        rule = {"apiGroups": self.some(GROUPS), "resources": self.some(RESOURCES), "verbs": self.some(VERBS)}
        if self.random.random() < 0.3:
            rule["resourceNames"] = self.some(NAMES[:2])
        return rule

    def powerful_rules(self) -> list[Object]:
        """Entries that give powers of the fact about escalation."""
        if self.random.random() < 0.4:
            return [self.powerful_rule(*power) for power in self.random.choice(TOGETHER)]
        powers = POWERFUL if self.random.random() < 0.05 else POWERFUL[1:]
        return [self.powerful_rule(*power) for power in self.some(powers, 3)]

    def powerful_rule(self, verb: str, group: str, resource: str) -> Object:
        """An entry that gives one power, sometimes by name."""
        rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        if self.random.random() < 0.25:
            named = {
                "users": [self.names.of("u", 0), "system:serviceaccount:one:s0"],
                "groups": [self.names.of("g", 0), "system:masters"],
                "serviceaccounts": ["s0"],
                "serviceaccounts/token": ["s0", "s1"],
                "clusterroles": [self.names.of("c", n) for n in range(3)] + ["cluster-admin"],
                "roles": ["r0", "r1"],
                "clusterrolebindings": [self.names.of("cb", 0), "cluster-admin"],
                "rolebindings": ["rb0", "rb1"],
                "secrets": ["token", "other"],
                "signers": ["kubernetes.io/kube-apiserver-client", "kubernetes.io/*", "example.com/own"],
                "pods/exec": ["w0-1", "w1"],
            }.get(resource, ["x"])
            rule["resourceNames"] = self.some(named)
        return rule

    def rules(self, kind: str, *, powerful: bool) -> list[Object]:
        if powerful:
            return self.powerful_rules()
        return [self.plain_rule(paths=kind == "ClusterRole") for _ in range(self.random.randint(1, 3))]

    def subject(self, *, shared: bool) -> Object:
        """A subject; ``shared`` are groups that others are in too."""
        namespace = self.random.choice(self.names.namespaces)
        number = self.random.randint(0, 2)
        group = {"apiGroup": GROUP, "kind": "Group"}
        choices: list[Object] = [
            {"apiGroup": GROUP, "kind": "User", "name": self.names.of("u", number)},
            {**group, "name": self.names.of("g", number)},
            {"kind": "ServiceAccount", "name": f"s{number}", "namespace": namespace},
            {"apiGroup": GROUP, "kind": "User", "name": f"system:serviceaccount:{namespace}:s{number}"},
            {**group, "name": f"system:serviceaccounts:{namespace}"},
        ]
        if shared:
            choices += [{**group, "name": "system:serviceaccounts"}, {**group, "name": "system:authenticated"}]
        return self.random.choice(choices)

    def world(self, *, powerful: bool) -> list[Object]:
        """Roles, aggregated ones among them, and bindings, some of them to roles that are not there."""
        found: list[Object] = []
        for number in range(4):
            body = _object(
                "ClusterRole", self.names.of("c", number), rules=self.rules("ClusterRole", powerful=powerful)
            )
            if self.random.random() < 0.5:
                body["metadata"]["labels"] = {f"to{self.names.suffix}": self.random.choice(("a", "b"))}
            if self.random.random() < 0.3:
                selectors = self.some([{"matchLabels": {f"to{self.names.suffix}": value}} for value in ("a", "b")])
                body["aggregationRule"] = {"clusterRoleSelectors": selectors}
            found.append(body)
        for namespace in self.names.namespaces:
            for number in range(2):
                rules = self.rules("Role", powerful=powerful)
                found.append(_object("Role", f"r{number}", namespace, rules=rules))
            for number in range(3):
                role = self.random.choice(
                    [("Role", f"r{n}") for n in range(3)] + [("ClusterRole", self.names.of("c", n)) for n in range(4)]
                )
                found.append(self._binding("RoleBinding", f"rb{number}", namespace, role))
        for number in range(2 if powerful else 3):
            role = ("ClusterRole", self.names.of("c", self.random.randint(0, 3)))
            found.append(self._binding("ClusterRoleBinding", self.names.of("cb", number), None, role))
        return found

    def directed(self) -> list[Object]:
        """A user for each power and for each set of powers, and one account that is worth becoming."""
        space = self.names.namespaces[0]
        found: list[Object] = []
        for number, powers in enumerate([*([power] for power in POWERFUL), *TOGETHER]):
            name = self.names.of("d", number)
            rules = [
                {"apiGroups": [group], "resources": [resource], "verbs": [verb]} for verb, group, resource in powers
            ]
            user = {"apiGroup": GROUP, "kind": "User", "name": name}
            ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": name}
            found.append(_object("ClusterRole", name, rules=rules))
            found.append(_object("ClusterRoleBinding", name, roleRef=ref, subjects=[user]))
        # Pods in a namespace without a strong account, and volumes, which lead to the tokens of a node.
        number, user = len(found), {"apiGroup": GROUP, "kind": "User", "name": self.names.of("v", 0)}
        for kind, namespace, resources in (
            ("ClusterRole", None, ["persistentvolumes"]),
            ("Role", self.names.namespaces[1], ["persistentvolumeclaims", "pods"]),
        ):
            name = self.names.of("v", number)
            rule = {"apiGroups": [""], "resources": resources, "verbs": ["create"]}
            ref = {"apiGroup": GROUP, "kind": kind, "name": name}
            found.append(_object(kind, name, namespace, rules=[rule]))
            found.append(_object(f"{kind}Binding", name, namespace, roleRef=ref, subjects=[user]))
        account = {"kind": "ServiceAccount", "name": "strong", "namespace": space}
        ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin"}
        found.append(_object("ClusterRoleBinding", self.names.of("strong", 0), roleRef=ref, subjects=[account]))
        return found

    def strong_pod(self) -> list[Object]:
        """A Pod that runs as that account."""
        metadata = {"name": "strong", "namespace": self.names.namespaces[0]}
        pod = {"serviceAccountName": "strong", "automountServiceAccountToken": True, "containers": [{"name": "c"}]}
        return [{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}]

    def _binding(self, kind: str, name: str, namespace: str | None, role: tuple[str, str]) -> Object:
        subjects = [self.subject(shared=namespace is not None) for _ in range(self.random.randint(1, 2))]
        for subject in subjects:
            if subject.get("namespace") == namespace and namespace and self.random.random() < 0.3:
                del subject["namespace"]
        ref = {"apiGroup": GROUP, "kind": role[0], "name": role[1]}
        return _object(kind, name, namespace, roleRef=ref, subjects=subjects)

    def workloads(self) -> list[Object]:
        """What else decides who reaches whom: accounts, Pods, and Secrets with tokens."""
        found: list[Object] = []
        for namespace in self.names.namespaces:
            for number in range(2):
                account: Object = {"apiVersion": "v1", "kind": "ServiceAccount"}
                account["metadata"] = {"name": f"s{number}", "namespace": namespace}
                if self.random.random() < 0.3:
                    account["automountServiceAccountToken"] = False
                if self.random.random() < 0.8:
                    found.append(account)
                pod: Object = {
                    "serviceAccountName": f"s{self.random.randint(0, 2)}",
                    "containers": [{"name": "c", "securityContext": {"privileged": self.random.random() < 0.2}}],
                }
                if self.random.random() < 0.3:
                    pod["automountServiceAccountToken"] = self.random.random() < 0.5
                metadata = {"name": f"w{number}", "namespace": namespace}
                found.append(
                    {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "metadata": metadata,
                        "spec": {"template": {"spec": pod}},
                    }
                    if self.random.random() < 0.6
                    else {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
                )
            if self.random.random() < 0.5:
                notes = {"kubernetes.io/service-account.name": f"s{self.random.randint(0, 2)}"}
                secret: Object = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}
                found.append({**secret, "metadata": {"name": "token", "namespace": namespace, "annotations": notes}})
        return found


def _object(kind: str, name: str, namespace: str | None = None, **body: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **body}


def aggregated(objects: list[Object]) -> Iterator[Object]:
    """The objects as they stand in a cluster whose controller has written what ClusterRoles take from others.

    It goes round until nothing changes; who is selected by its own selector takes nothing from itself.
    """
    roles = {obj["metadata"]["name"]: deepcopy(obj) for obj in objects if obj["kind"] == "ClusterRole"}
    changed = True
    while changed:
        changed = False
        for name, role in sorted(roles.items()):
            selectors = role.get("aggregationRule", {}).get("clusterRoleSelectors", [])
            if not selectors:
                continue
            rules: list[Object] = []
            for selector, (other, body) in itertools.product(selectors, sorted(roles.items())):
                labels = body["metadata"].get("labels", {})
                if other != name and selector["matchLabels"].items() <= labels.items():
                    rules += [rule for rule in body["rules"] if rule not in rules]
            if sorted(map(str, rules)) != sorted(map(str, role["rules"])):
                role["rules"], changed = rules, True
    for obj in objects:
        yield roles[obj["metadata"]["name"]] if obj["kind"] == "ClusterRole" else obj


def _has_circle(objects: list[Object]) -> bool:
    """Whether an aggregated ClusterRole leads back to itself: what comes of that depends on the controller's turns."""
    roles = {obj["metadata"]["name"]: obj for obj in objects if obj["kind"] == "ClusterRole"}

    def taken(name: str) -> set[str]:
        selectors = roles[name].get("aggregationRule", {}).get("clusterRoleSelectors", [])
        return {
            other
            for selector in selectors
            for other, body in roles.items()
            if other != name and selector["matchLabels"].items() <= body["metadata"].get("labels", {}).items()
        }

    for name in roles:
        reached, waiting = set[str](), taken(name)
        while waiting:
            reached |= waiting
            waiting = set().union(*map(taken, waiting)) - reached
        if name in reached:
            return True
    return False


def without_circles(objects: list[Object]) -> list[Object]:
    """The objects, without aggregation where that would lead in a circle."""
    if not _has_circle(objects):
        return objects
    return [{key: value for key, value in obj.items() if key != "aggregationRule"} for obj in objects]
