"""Who may do what, and by which binding and role (docs/facts/permissions.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import labels_of, part, text
from assay.facts.interface import Fact, Table
from assay.facts.rbac import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    RBAC_GROUP,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Binding,
    Rbac,
    Role,
    Subject,
    account_of,
    allows,
)
from assay.kinds import NAMESPACED
from assay.model.verdicts import Verdict
from assay.workloads import pod_view

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index
    from assay.facts.rbac import PolicyRule
    from assay.model.objects import KubeObject

_NAMESPACE = "core/Namespace"

WRITES, DEPLOYS, GRANTS = 1, 2, 4
"""What a role lets its holder do in a namespace: change anything, change workloads, change roles and bindings."""

_WORKLOADS = {
    "": {"pods", "replicationcontrollers"},
    "apps": {"deployments", "statefulsets", "daemonsets", "replicasets"},
    "batch": {"jobs", "cronjobs"},
}
_RIGHTS = {RBAC_GROUP: {"roles", "rolebindings", "clusterroles", "clusterrolebindings"}}

# Nothing is stored by these: they answer a question ("Kubernetes API", authentication and authorization resources).
_QUESTIONS = {"authentication.k8s.io", "authorization.k8s.io"}

_READS = {"get", "list", "watch", "*"}
_DATABASES = {
    "acid.zalan.do",
    "app.redislabs.com",
    "databases.spotahome.com",
    "elasticsearch.k8s.elastic.co",
    "mongodb.com",
    "mongodbcommunity.mongodb.com",
    "pgv2.percona.com",
    "postgresql.cnpg.io",
    "psmdb.percona.com",
    "pxc.percona.com",
    "redis.redis.opstreelabs.in",
}
"""The API groups of the database operators that rules know."""


def _plural(kind: str) -> str:
    """The resource of a kind, as the API conventions form it."""
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


_CLUSTER_SCOPED = {
    ("" if group == "core" else group, _plural(kind))
    for (group, _, kind), namespaced in ((name.partition("/"), spread) for name, spread in NAMESPACED.items())
    if not namespaced
}


_NOWHERE: dict[str, Any] = {"everywhere": False, "names": [], "labels": {}}

_NOBODY: dict[str, Any] = {
    "id": "",
    "kind": "",
    "account": {"seen": False, "labels": {}, "unseen": ""},
    "home": {"name": "", "seen": False, "labels": {}},
    "writes": _NOWHERE,
    "deploysAndGrants": _NOWHERE,
    "clusterAdmin": False,
    "unknown": "",
}
"""What is said of an entry that names no subject."""


class Grant(NamedTuple):
    """A subject that may do something, and what gives it: the identities of a binding and of its role, as texts."""

    subject_kind: str
    subject_namespace: str
    subject_name: str
    path: tuple[str, str]


class Permissions(Fact):
    """``facts.permissions``, by kind: bindings, roles, accounts and workloads, namespaces."""

    turns_pass = (ROLE_BINDING, CLUSTER_ROLE_BINDING, ROLE, CLUSTER_ROLE)
    anywhere = frozenset({ROLE_BINDING, ROLE})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self.rbac = Rbac(index)
        self._duties_of: dict[Role, int] = {}
        self._sums: dict[Subject, dict[str, Any]] = {}
        self._plain: dict[Role, list[dict[str, list[str]]]] = {}
        self._doubts: dict[str | None, str] = {}
        self._reading: dict[Role, bool] = {}
        self._readers_of: dict[str | None, dict[str, None]] = {}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What is known of a binding, a role, an account, a workload or a namespace."""
        kind = obj.group_kind
        if kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            return self._of_binding(obj)
        if kind in (ROLE, CLUSTER_ROLE):
            return self._of_role(obj)
        if kind == _NAMESPACE:
            return self._of_namespace(obj.identity.name)
        if kind == SERVICE_ACCOUNT:
            return self._of_account(Subject("ServiceAccount", obj.identity.namespace or "", obj.identity.name), {}, obj)
        view = pod_view(obj)
        if view is None:
            return f"a {obj.kind} has no permissions"
        account = Subject("ServiceAccount", obj.identity.namespace or "", account_of(view.spec))
        return self._of_account(account, view.spec, obj)

    def table(self) -> Table:
        """One row for each subject of each binding, unknown where its role was not seen."""
        rows = []
        for binding in self.rbac.bindings:
            ref = part(binding.object.body, "roleRef")
            rules = None if isinstance(binding.role, str) else [_shown(rule) for rule in binding.role.rules]
            for subject in binding.subjects:
                if subject is not None:
                    where = "everywhere" if binding.namespace is None else binding.namespace
                    role = f"{ref['kind']} {ref['name']}" if rules is not None else str(binding.role)
                    rows.append((subject.id, where, role, str(binding), rules))
        return Table(("subject", "where", "role", "binding", "may"), tuple(rows))

    def subjects_that_may(
        self, verb: str, group: str, resource: str, namespace: str | None, name: str = ""
    ) -> list[Grant]:
        """Whom bindings let do something, each subject once for each path.

        Groups are not followed to their members. What roles and bindings nobody could read would add is not in it:
        see :meth:`doubt_in`.

        Args:
            resource: ``secrets``, or with its subresource ``pods/exec``.
            namespace: None for what has no namespace and for requests across all namespaces.
        """
        return [
            Grant(*subject, (str(binding), str(binding.role)))
            for binding in self._reaching(namespace)
            if not binding.doubt and allows(binding.role, verb, group, resource, name)
            for subject in dict.fromkeys(binding.subjects)
            if subject is not None
        ]

    def grants_of(self, subject: Subject) -> list[Binding]:
        """The bindings by which a subject has rights: its own, and those of groups that it is known to be in."""
        return list(self.rbac.held(subject))

    def doubt_in(self, namespace: str | None) -> str:
        """Why it is not known who may do what in a namespace; empty if it is."""
        return self._doubts_of(None) or (self._doubts_of(namespace) if namespace is not None else "")

    def _doubts_of(self, place: str | None) -> str:
        found = self._doubts.get(place)
        if found is None:
            bindings = self.rbac.reaching.get(place, ())
            found = self._doubts[place] = next((binding.doubt for binding in bindings if binding.doubt), "")
        return found

    def _reaching(self, namespace: str | None) -> Iterator[Binding]:
        yield from self.rbac.reaching.get(None, ())
        if namespace is not None:
            yield from self.rbac.reaching.get(namespace, ())

    def _of_binding(self, obj: KubeObject) -> dict[str, Any]:
        binding = self.rbac.binding(obj)
        role, place = binding.role, binding.namespace
        subjects = [self._of_subject(obj, subject) for subject in binding.subjects]
        return {
            "roleExists": self.rbac.exists(binding),
            "unseenRole": self._unseen(obj, ROLE if text(obj.body, "roleRef", "kind") == "Role" else CLUSTER_ROLE),
            "rules": self._rules(role),
            "unknown": self._doubt(obj, role),
            "does": _named(self._duties(role)),
            "namespace": self._namespace(place),
            "reach": self._reach([] if place is None else [place], everywhere=place is None),
            "all": self._all,
            "unseenNamespaces": self._unseen(obj, _NAMESPACE),
            # What is a map there is no list for the API server either, but items of it are judged as well.
            "subjects": dict(zip(obj.body["subjects"], subjects, strict=False))
            if isinstance(obj.body.get("subjects"), dict)
            else subjects,
        }

    def _of_subject(self, obj: KubeObject, subject: Subject | None) -> dict[str, Any]:
        if subject is None:
            return _NOBODY
        found = self._sums.get(subject)
        if found is None:
            found = self._sums[subject] = self._sum(obj, subject)
        return found

    def _sum(self, obj: KubeObject, subject: Subject) -> dict[str, Any]:
        """What a subject has by all of its bindings, where, and who it is."""
        everywhere, places, doubt, admin = 0, dict[str, int](), "", False
        for binding in self.rbac.held(subject):
            if binding.doubt:
                doubt = doubt or binding.doubt
            elif binding.namespace is None:
                everywhere |= self._duties(binding.role)
                admin = admin or (isinstance(binding.role, Role) and binding.role.name == "cluster-admin")
            else:
                places[binding.namespace] = places.get(binding.namespace, 0) | self._duties(binding.role)
        accounts = self._accounts(subject)
        home = subject.namespace
        if subject.kind == "Group" and subject.name.startswith("system:serviceaccounts:"):
            home = subject.name.removeprefix("system:serviceaccounts:")
        there = replace(obj, identity=obj.identity._replace(namespace=home))
        return {
            "id": subject.id,
            "kind": subject.kind,
            "account": {
                "seen": len(accounts) == 1,
                "labels": labels_of(part(accounts[0].body, "metadata")) if len(accounts) == 1 else {},
                "unseen": "" if accounts or subject.kind != "ServiceAccount" else self._unseen(there, SERVICE_ACCOUNT),
            },
            "home": self._namespace(home or None),
            "writes": self._where(everywhere, places, WRITES),
            "deploysAndGrants": self._where(everywhere, places, DEPLOYS | GRANTS),
            "clusterAdmin": admin,
            "unknown": doubt,
        }

    def _accounts(self, subject: Subject) -> list[KubeObject]:
        if subject.kind != "ServiceAccount":
            return []
        return self.index.find(SERVICE_ACCOUNT, subject.namespace, subject.name)

    def _where(self, everywhere: int, places: dict[str, int], duties: int) -> dict[str, Any]:
        """Where a subject may do all of these, by all of its bindings."""
        names = [name for name, own in places.items() if not duties & ~(own | everywhere)]
        return self._reach(names, everywhere=not duties & ~everywhere)

    def _reach(self, names: Iterable[str], *, everywhere: bool) -> dict[str, Any]:
        """Namespaces by their labels: under each key and value the names; under "" those without it.

        What counts everywhere says so, and the namespaces stand once under ``all``: in every subject they would make
        the work grow with the product of both.
        """
        found: dict[str, dict[str, list[str]]] = {}
        names = [] if everywhere else list(names)
        for name in names:
            for key, value in (self.index.namespaces.get(name) or {}).items():
                found.setdefault(key, {}).setdefault(value, []).append(name)
        for values in found.values():
            labelled = {name for group in values.values() for name in group}
            if without := [name for name in names if name not in labelled]:
                values.setdefault("", []).extend(without)
        return {"everywhere": everywhere, "names": names, "labels": found}

    @cached_property
    def _all(self) -> dict[str, Any]:
        """All namespaces that were seen."""
        return self._reach(self.index.namespaces, everywhere=False)

    def _namespace(self, name: str | None) -> dict[str, Any]:
        labels = self.index.namespaces.get(name) if name is not None else None
        return {"name": name or "", "seen": labels is not None, "labels": labels or {}}

    def _duties(self, role: Role | str) -> int:
        if isinstance(role, str):
            return 0
        found = self._duties_of.get(role)
        if found is None:
            found = self._duties_of[role] = _duties(role)
        return found

    def _rules(self, role: Role | str) -> list[dict[str, list[str]]]:
        """What a role says, as rules see it."""
        if isinstance(role, str):
            return []
        if role not in self._plain:
            self._plain[role] = [rule.plain() for rule in role.rules]
        return self._plain[role]

    def _doubt(self, obj: KubeObject, role: Role | str) -> str:
        """Why it is not known all that a role says."""
        if isinstance(role, str):
            return role
        return self._unseen(obj, CLUSTER_ROLE) if role.aggregated else ""

    def _unseen(self, obj: KubeObject, kind: str) -> str:
        return self.facts.doubt(obj, ("permissions",), Verdict.PASS, {str(Verdict.PASS): (kind,)})

    def _of_role(self, obj: KubeObject) -> dict[str, Any]:
        role = self.rbac.role(obj.kind, obj.identity.namespace, obj.identity.name)
        return {
            "rules": self._rules(role),
            "unknown": self._doubt(obj, role),
            "bound": [
                {
                    "binding": str(binding),
                    "everywhere": binding.namespace is None,
                    "namespace": binding.namespace or "",
                    "subjects": [subject.id for subject in binding.subjects if subject is not None],
                }
                for binding in ([] if isinstance(role, str) else self._bound.get(role, []))
            ],
        }

    @cached_property
    def _bound(self) -> dict[Role, list[Binding]]:
        found: dict[Role, list[Binding]] = {}
        for binding in self.rbac.bindings:
            if isinstance(binding.role, Role):
                found.setdefault(binding.role, []).append(binding)
        return found

    def _of_account(self, account: Subject, pod: dict[str, Any], obj: KubeObject) -> dict[str, Any]:
        held = list(self.rbac.held(account))
        bindings = [binding for binding in held if not binding.twin]
        mounts, doubt = self.mounts(account, pod, obj)
        return {
            "account": {
                "id": account.id,
                "namespace": account.namespace,
                "name": account.name,
                "seen": bool(self._accounts(account)),
            },
            "mountsToken": mounts,
            "unknownMount": doubt,
            "bound": any(self._is_own(binding, account) for binding in bindings),
            "unknownBound": next((binding.doubt for binding in held if binding.twin), ""),
            "grants": [
                {
                    "binding": str(binding),
                    "role": str(binding.role),
                    "everywhere": binding.namespace is None,
                    "namespace": binding.namespace or "",
                    "rules": self._rules(binding.role),
                }
                for binding in bindings
                if isinstance(binding.role, Role)
            ],
            "unknown": next((binding.doubt for binding in held if binding.doubt), ""),
        }

    def _is_own(self, binding: Binding, account: Subject) -> bool:
        """Whether somebody gave the account a right: not what Kubernetes gives to everybody."""
        groups = [group for group in account.groups if group.name != "system:authenticated"]
        labels = labels_of(part(binding.object.body, "metadata"))
        return labels.get("kubernetes.io/bootstrapping") != "rbac-defaults" and any(
            subject in (account, *groups) for subject in binding.subjects
        )

    def mounts(self, account: Subject, pod: Mapping[str, Any], obj: KubeObject) -> tuple[bool, str]:
        """Whether the Pods of an object get the token of their account by themselves, and why that is not known.

        The Pod's ``automountServiceAccountToken`` wins over the account's, and both default to true ("Configure
        Service Accounts for Pods").
        """
        own = pod.get("automountServiceAccountToken")
        if isinstance(own, bool):
            return own, ""
        accounts = self._accounts(account)
        said = {found.body.get("automountServiceAccountToken") is not False for found in accounts}
        if len(said) > 1:
            return True, f"different objects are called {account.id}"
        return (said.pop(), "") if said else (True, self._unseen(obj, SERVICE_ACCOUNT))

    def _of_namespace(self, name: str) -> dict[str, Any]:
        """Who may read the data of a namespace: its Secrets, a shell in its Pods, or the objects of its databases."""
        readers = {**self._readers(None), **self._readers(name)}
        return {"dataReaders": list(readers), "unknown": self.doubt_in(name)}

    def _readers(self, place: str | None) -> dict[str, None]:
        """Those whom the bindings of one place make readers of data, by their ids."""
        found = self._readers_of.get(place)
        if found is None:
            found = self._readers_of[place] = {
                subject.id: None
                for binding in self.rbac.reaching.get(place, ())
                if isinstance(binding.role, Role) and not binding.twin and self._reads_data(binding.role)
                for subject in binding.subjects
                if subject is not None and not _is_system(subject)
            }
        return found

    def _reads_data(self, role: Role) -> bool:
        found = self._reading.get(role)
        if found is None:
            found = self._reading[role] = any(map(_reads_data, role.rules))
        return found


def _reads_data(rule: PolicyRule) -> bool:
    reads = not _READS.isdisjoint(rule.verbs)
    shell = "create" in rule.verbs or "get" in rule.verbs or "*" in rule.verbs
    everything = "*" in rule.groups
    core = everything or "" in rule.groups
    if core and reads and not {"secrets", "*"}.isdisjoint(rule.resources):
        return True
    if core and shell and not {"pods/exec", "*/exec", "*"}.isdisjoint(rule.resources):
        return True
    return reads and bool(rule.resources) and not _DATABASES.isdisjoint(rule.groups)


def _is_system(subject: Subject) -> bool:
    """Whether a subject is a part of Kubernetes itself; groups of all accounts or all users are not."""
    if subject.kind == "ServiceAccount":
        return subject.namespace == "kube-system"
    everybody = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated", "system:anonymous")
    return subject.name.startswith("system:") and not subject.name.startswith(everybody)


def _duties(role: Role) -> int:
    found = 0
    for rule in role.rules:
        verbs = set(rule.verbs)
        # What carries no name in its request is refused where names are listed ("Referring to resources").
        unnamed = not rule.names and not verbs.isdisjoint(("create", "deletecollection"))
        if not (unnamed or not verbs.isdisjoint(("update", "patch", "delete", "*"))):
            continue
        if any(
            (group, resource) not in _CLUSTER_SCOPED
            for group in rule.groups
            if group not in _QUESTIONS
            for resource in rule.resources
        ):
            found |= WRITES
        found |= DEPLOYS if _names_one(rule, _WORKLOADS) else 0
        found |= GRANTS if _names_one(rule, _RIGHTS) else 0
    return found


def _names_one(rule: PolicyRule, known: dict[str, set[str]]) -> bool:
    groups = known if "*" in rule.groups else [group for group in rule.groups if group in known]
    return any("*" in rule.resources or not known[group].isdisjoint(rule.resources) for group in groups)


def _named(duties: int) -> dict[str, bool]:
    return {"writes": bool(duties & WRITES), "deploys": bool(duties & DEPLOYS), "grants": bool(duties & GRANTS)}


def _shown(rule: PolicyRule) -> str:
    of = ", ".join(rule.resources) or ", ".join(rule.urls)
    named = f" called {', '.join(rule.names)}" if rule.names else ""
    return f"{', '.join(rule.verbs)} {of}{named}"
