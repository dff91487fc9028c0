"""RBAC as the API server evaluates it: which roles say what, who is bound to them, and what that allows.

Source: the RBAC reference of Kubernetes ("Using RBAC Authorization": API objects, aggregated ClusterRoles, referring to
resources, referring to subjects) and the authorizer itself (``plugin/pkg/auth/authorizer/rbac``,
``pkg/apis/rbac/v1/evaluation_helpers.go``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import items, labels_of, maps, part, selects, text
from assay.model.rules import NEWEST_MINOR

if TYPE_CHECKING:
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

ROLE = "rbac.authorization.k8s.io/Role"
CLUSTER_ROLE = "rbac.authorization.k8s.io/ClusterRole"
ROLE_BINDING = "rbac.authorization.k8s.io/RoleBinding"
CLUSTER_ROLE_BINDING = "rbac.authorization.k8s.io/ClusterRoleBinding"
SERVICE_ACCOUNT = "core/ServiceAccount"

RBAC_GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
"""The group that every authorizer lets pass, whatever is bound to it (RBAC good practices, least privilege)."""

_ACCOUNT_USER = "system:serviceaccount:"
_TABLE = Path(__file__).parent / "tables" / "cluster_roles.json"


_READ = ("get", "list", "watch")
_LOCK = [
    {
        "verbs": ["create", "get", "list", "update", "watch"],
        "apiGroups": ["coordination.k8s.io"],
        "resources": [resource],
    }
    for resource in ("leases", "leasecandidates")
]
_EVENTS = {"verbs": ["create", "patch", "update"], "apiGroups": ["", "events.k8s.io"], "resources": ["events"]}


def _on(resource: str, *verbs: str, **more: list[str]) -> dict[str, list[str]]:
    return {"verbs": list(verbs), "apiGroups": [""], "resources": [resource], **more}


BUILT_IN_NAMESPACED: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("kube-system", "extension-apiserver-authentication-reader"): [
        _on("configmaps", *_READ, resourceNames=["extension-apiserver-authentication"])
    ],
    ("kube-system", "system::leader-locking-kube-controller-manager"): _LOCK,
    ("kube-system", "system::leader-locking-kube-scheduler"): _LOCK,
    ("kube-system", "system:controller:bootstrap-signer"): [_on("secrets", *_READ)],
    ("kube-system", "system:controller:cloud-provider"): [_on("configmaps", "create", *_READ)],
    ("kube-system", "system:controller:token-cleaner"): [_on("secrets", "delete", *_READ), _EVENTS],
    ("kube-public", "system:controller:bootstrap-signer"): [
        _on("configmaps", *_READ),
        _on("configmaps", "update", resourceNames=["cluster-info"]),
        _EVENTS,
    ],
}
"""The Roles that the API server makes at its start (``plugin/pkg/auth/authorizer/rbac/bootstrappolicy``)."""


class Subject(NamedTuple):
    """A User, a Group or a ServiceAccount; ``namespace`` is empty but for the last."""

    kind: str
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """The subject as people and rules write it: ``User/jane`` or ``ServiceAccount/shop/checkout``."""
        return "/".join(filter(None, self))

    @property
    def groups(self) -> tuple[Subject, ...]:
        """The groups that the API server adds by itself (service account tokens, authentication)."""
        if self.kind == "ServiceAccount":
            names = ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]
        elif self.kind == "User":
            names = ["system:unauthenticated" if self.name == "system:anonymous" else "system:authenticated"]
        else:
            above = ["system:serviceaccounts"] if self.name.startswith("system:serviceaccounts:") else []
            names = [] if self.name == "system:unauthenticated" else [*above, "system:authenticated"]
        return tuple(Subject("Group", "", name) for name in names if name != self.name or self.kind != "Group")

    @property
    def user(self) -> str:
        """The user name of a User or of a ServiceAccount's token."""
        return f"{_ACCOUNT_USER}{self.namespace}:{self.name}" if self.kind == "ServiceAccount" else self.name


class PolicyRule(NamedTuple):
    """One entry of a role."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]
    names: tuple[str, ...]
    urls: tuple[str, ...]

    def allows(self, verb: str, group: str, resource: str, name: str = "") -> bool:
        """Whether a request is granted; ``resource`` is ``pods`` or, with its subresource, ``pods/exec``."""
        subresource = resource.partition("/")[2]
        return (
            ("*" in self.verbs or verb in self.verbs)
            and ("*" in self.groups or group in self.groups)
            and (
                "*" in self.resources
                or resource in self.resources
                or (subresource != "" and f"*/{subresource}" in self.resources)
            )
            and (not self.names or name in self.names)
        )

    def allows_url(self, verb: str, path: str) -> bool:
        """Whether a request for a path that is no resource is granted; an asterisk counts at the end alone."""
        return ("*" in self.verbs or verb in self.verbs) and any(
            url in ("*", path) or (url.endswith("*") and path.startswith(url.rstrip("*"))) for url in self.urls
        )

    def plain(self) -> dict[str, list[str]]:
        """The entry as rules of ours see it; what it does not name is left out, as the API server stores it."""
        keys = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        return {key: list(value) for key, value in zip(keys, self, strict=True) if value}


class Role:
    """What a Role or ClusterRole says.

    ``aggregated`` roles get their rules from others, so one that was not seen may add to them.
    """

    __slots__ = ("aggregated", "kind", "name", "namespace", "rules")

    def __init__(
        self, kind: str, namespace: str | None, name: str, rules: tuple[PolicyRule, ...], *, aggregated: bool = False
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.rules = rules
        self.aggregated = aggregated

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Binding(NamedTuple):
    """What a RoleBinding or ClusterRoleBinding gives; ``namespace`` is None where it counts everywhere.

    ``role`` is the reason where it is not known. ``subjects`` stand in the order of the object, None for what is none.
    ``twin`` says that another binding of the same name contradicts it.
    """

    object: KubeObject
    namespace: str | None
    role: Role | str
    subjects: tuple[Subject | None, ...]
    twin: bool

    def __str__(self) -> str:
        return str(self.object.identity)

    @property
    def doubt(self) -> str:
        """Why it is not known what it gives."""
        if self.twin:
            return f"{self} contradicts another object of its name"
        return self.role if isinstance(self.role, str) else ""


class Rbac:
    """Every role and binding of a world."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.live = index.world.kind in ("cluster", "snapshot")
        self._roles: dict[tuple[str, str | None, str], Role | str] = {}

    @cached_property
    def bindings(self) -> list[Binding]:
        """All of them, in the order of the world."""
        return [self.binding(obj) for obj in self._index.of_kind(ROLE_BINDING, CLUSTER_ROLE_BINDING)]

    @cached_property
    def reaching(self) -> dict[str | None, list[Binding]]:
        """The bindings of one namespace, and under None those that count everywhere."""
        found: dict[str | None, list[Binding]] = {}
        for binding in self.bindings:
            found.setdefault(binding.namespace, []).append(binding)
        return found

    @cached_property
    def bound(self) -> dict[Subject, list[Binding]]:
        """The bindings that name a subject."""
        found: dict[Subject, list[Binding]] = {}
        for binding in self.bindings:
            for subject in dict.fromkeys(binding.subjects):
                if subject is not None:
                    found.setdefault(subject, []).append(binding)
        return found

    def held(self, subject: Subject) -> Iterator[Binding]:
        """The bindings that give something to a subject, by its name or by a group that it is known to be in."""
        for who in (subject, *subject.groups):
            yield from self.bound.get(who, ())

    def binding(self, obj: KubeObject) -> Binding:
        """A binding as the authorizer reads it."""
        namespace = obj.identity.namespace
        ref = part(obj.body, "roleRef")
        role = self._referred(obj, text(ref, "kind"), text(ref, "name"))
        subjects = tuple(subject_of(entry, namespace or "") for entry in items(obj.body, "subjects"))
        return Binding(
            obj, namespace, role, subjects, len(self._index.find(obj.group_kind, namespace, obj.identity.name)) > 1
        )

    def _referred(self, obj: KubeObject, kind: str, name: str) -> Role | str:
        if not name or kind not in ("Role", "ClusterRole"):
            return f"{obj.identity} names no role"
        if kind == "ClusterRole":
            return self.role(kind, None, name)
        if obj.kind == "ClusterRoleBinding":
            return f"{obj.identity} refers to a Role, which the API server refuses"
        return self.role(kind, obj.identity.namespace, name)

    def role(self, kind: str, namespace: str | None, name: str) -> Role | str:
        """A role with the rules that count, or why they are not known.

        Live, ``rules`` are what counts. In files the rules of an aggregated ClusterRole are those of the ClusterRoles
        that it selects, as the controller will write them.
        """
        key = (kind, namespace, name)
        if key not in self._roles:
            self._roles[key] = self._make(kind, namespace, name)
        return self._roles[key]

    def exists(self, binding: Binding) -> bool:
        """Whether the role that a binding refers to is there, be it in several contradicting objects."""
        ref = part(binding.object.body, "roleRef")
        kind, name = text(ref, "kind"), text(ref, "name")
        if kind == "Role" and binding.namespace is None:
            return False
        return bool(self._bodies(kind, binding.namespace if kind == "Role" else None, name))

    def _bodies(self, kind: str, namespace: str | None, name: str) -> list[Mapping[str, Any]]:
        """The objects of a role; where files hold none, that of Kubernetes itself."""
        found: list[Mapping[str, Any]] = [obj.body for obj in self._index.find(f"{RBAC_GROUP}/{kind}", namespace, name)]
        if found or self.live:
            return found
        if kind == "ClusterRole":
            return [self._table[name]] if name in self._table else []
        rules = BUILT_IN_NAMESPACED.get((namespace or "", name)) if kind == "Role" else None
        return [] if rules is None else [{"rules": rules}]

    def _make(self, kind: str, namespace: str | None, name: str) -> Role | str:
        found = self._bodies(kind, namespace, name)
        shown = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        if not found:
            return f"{shown} was not seen"
        if len(found) > 1:
            return f"different objects are called {shown}"
        if kind == "Role" or self.live or not _is_aggregated(found[0]):
            return Role(kind, namespace, name, rules_of(found[0]))
        return self._aggregated(name)

    def _aggregated(self, name: str) -> Role | str:
        """The fixpoint of aggregation: the rules of all roles that are reached by selectors.

        The controller writes over what the role itself says; only where selectors lead back to it may that stay, for
        then it has been handed on.
        """
        if not self._table:
            return f"the ClusterRoles of Kubernetes itself, which {name} may be made of, are not known"
        reached: dict[str, None] = {}
        waiting = [name]
        while waiting:
            for other in self._selected(waiting.pop()):
                if other not in reached:
                    reached[other] = None
                    waiting.append(other)
        rules: dict[PolicyRule, None] = {}
        for other in reached:
            bodies = self._cluster_roles[other]
            if len(bodies) > 1:
                return f"different objects are called ClusterRole {other}, which adds to {name}"
            if not _is_aggregated(bodies[0]) or other in self._leads_to(other):
                rules.update(dict.fromkeys(rules_of(bodies[0])))
        return Role("ClusterRole", None, name, tuple(rules), aggregated=True)

    def _leads_to(self, name: str) -> set[str]:
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            new = set(self._selected(waiting.pop())) - reached
            reached |= new
            waiting += new
        return reached

    def _selected(self, name: str) -> Iterator[str]:
        """The ClusterRoles from which one takes its rules; itself is none of them."""
        for selector in maps(self._cluster_roles[name][0], "aggregationRule", "clusterRoleSelectors"):
            for labels, names in self._by_labels.items():
                if selects(selector, dict(labels)):
                    yield from (other for other in names if other != name)

    @cached_property
    def _cluster_roles(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for obj in self._index.of_kind(CLUSTER_ROLE):
            found.setdefault(obj.identity.name, []).append(obj.body)
        return {**{name: [body] for name, body in self._table.items()}, **found}

    @cached_property
    def _by_labels(self) -> dict[frozenset[tuple[str, str]], list[str]]:
        found: dict[frozenset[tuple[str, str]], list[str]] = {}
        for name, bodies in self._cluster_roles.items():
            for body in bodies:
                found.setdefault(frozenset(labels_of(part(body, "metadata")).items()), []).append(name)
        return found

    @cached_property
    def _table(self) -> Mapping[str, dict[str, Any]]:
        return {} if self.live else built_in_roles()

    def decide(
        self, who: tuple[Subject, ...], verb: str, group: str, resource: str, namespace: str | None, name: str = ""
    ) -> bool | None:
        """Whether somebody who is all of these subjects may do something; None if that is not known.

        Args:
            resource: ``pods``, ``pods/exec``, or with ``group`` empty a path such as ``/metrics``.
            namespace: None for what has no namespace and for requests across all namespaces.
        """
        if Subject("Group", "", MASTERS) in who:
            return True
        known = True
        for subject in dict.fromkeys(who):
            for binding in self.bound.get(subject, ()):
                if binding.namespace is not None and binding.namespace != namespace:
                    continue
                if binding.doubt:
                    known = False
                elif allows(binding.role, verb, group, resource, name):
                    return True
        return False if known else None


def allows(role: Role | str, verb: str, group: str, resource: str, name: str = "") -> bool:
    """Whether a role that is known grants a request, or a path where ``resource`` starts with a slash."""
    if isinstance(role, str):
        return False
    if resource.startswith("/"):
        return any(rule.allows_url(verb, resource) for rule in role.rules)
    return any(rule.allows(verb, group, resource, name) for rule in role.rules)


def subject_of(entry: Any, namespace: str) -> Subject | None:
    """A subject of a binding; an account under the name that it logs in with is that account.

    Args:
        namespace: Where the binding is, which is where an account is that names no namespace.
    """
    kind, name = text(entry, "kind"), text(entry, "name")
    if not name or kind not in ("User", "Group", "ServiceAccount"):
        return None
    if kind == "ServiceAccount":
        where = text(entry, "namespace") or namespace
        return Subject(kind, where, name) if where else None
    if kind == "User" and name.startswith(_ACCOUNT_USER):
        account = name.removeprefix(_ACCOUNT_USER).split(":")
        if len(account) == 2 and all(account):
            return Subject("ServiceAccount", *account)
    return Subject(kind, "", name)


def rules_of(body: Mapping[str, Any]) -> tuple[PolicyRule, ...]:
    """The entries of a role."""
    return tuple(
        PolicyRule(
            _texts(entry, "verbs"),
            _texts(entry, "apiGroups"),
            _texts(entry, "resources"),
            _texts(entry, "resourceNames"),
            _texts(entry, "nonResourceURLs"),
        )
        for entry in maps(body, "rules")
    )


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(value for value in items(entry, key) if isinstance(value, str))


def _is_aggregated(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("aggregationRule"), dict)


def account_of(pod: Mapping[str, Any]) -> str:
    """The name of a Pod's service account; ``serviceAccount`` is the older name of the field (PodSpec)."""
    return text(pod, "serviceAccountName") or text(pod, "serviceAccount") or "default"


@cache
def built_in_roles() -> Mapping[str, dict[str, Any]]:
    """The ClusterRoles that the API server makes at its start, by name; nothing where the table is not shipped."""
    if not _TABLE.is_file():
        return {}
    found: dict[str, dict[str, Any]] = {}
    for entry in json.loads(_TABLE.read_bytes()).get(f"v1.{NEWEST_MINOR}", []):
        found[entry["name"]] = {**entry, "metadata": {"name": entry["name"], "labels": entry.get("labels", {})}}
    return found
