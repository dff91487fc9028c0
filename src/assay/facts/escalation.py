"""Who reaches cluster-admin, and by which chain of steps (docs/facts/escalation.md names the source of each).

An identity is a user, the members of a group, or a service account. First comes what it can give to itself by the verbs
bind and escalate; then whom it can become; then a search backwards from cluster-admin. Places that many identities
lead to and that lead to many accounts ("any account of a namespace") are nodes of their own, so that the graph grows
with the objects and not with their pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import annotations_of, maps, part, text
from assay.facts.interface import Fact, Table
from assay.facts.permissions import Permissions
from assay.facts.rbac import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    MASTERS,
    RBAC_GROUP,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    PolicyRule,
    Role,
    Subject,
    account_of,
    subject_of,
)
from assay.workloads import TEMPLATES, pod_view

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index, Workload
    from assay.model.objects import KubeObject

Question = tuple[str, str, str]
"""A verb, an API group and a resource with its subresource."""

_CHANGE = ("update", "patch")
_ADMISSION = "admissionregistration.k8s.io"
_CERTIFICATES = "certificates.k8s.io"
_TEMPLATED = (
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
)


def _asks(verbs: Iterable[str], group: str, resource: str) -> tuple[Question, ...]:
    return tuple((verb, group, resource) for verb in verbs)


POWERS: dict[str, tuple[Question, ...]] = {
    "everything": (("*", "*", "*"),),
    "run": (
        ("create", "", "pods"),
        *(ask for resource in _TEMPLATED for ask in _asks(("create", *_CHANGE), *resource)),
    ),
    "exec": (("create", "", "pods/exec"), *_asks(_CHANGE, "", "pods/ephemeralcontainers")),
    "claim": (("create", "", "persistentvolumeclaims"),),
    "volume": (("create", "", "persistentvolumes"),),
    "token": (("create", "", "serviceaccounts/token"),),
    "read secrets": _asks(("get", "list", "watch"), "", "secrets"),
    "make secrets": (("create", "", "secrets"),),
    "proxy": _asks(("get", "create"), "", "nodes/proxy"),
    "be user": (("impersonate", "", "users"),),
    "be group": (("impersonate", "", "groups"),),
    "be account": (("impersonate", "", "serviceaccounts"),),
    "bind clusterroles": (("bind", RBAC_GROUP, "clusterroles"),),
    "bind roles": (("bind", RBAC_GROUP, "roles"),),
    "make clusterrolebindings": (("create", RBAC_GROUP, "clusterrolebindings"),),
    "edit clusterrolebindings": _asks(_CHANGE, RBAC_GROUP, "clusterrolebindings"),
    "make rolebindings": (("create", RBAC_GROUP, "rolebindings"),),
    "edit rolebindings": _asks(_CHANGE, RBAC_GROUP, "rolebindings"),
    "escalate clusterroles": (("escalate", RBAC_GROUP, "clusterroles"),),
    "escalate roles": (("escalate", RBAC_GROUP, "roles"),),
    "edit clusterroles": _asks(_CHANGE, RBAC_GROUP, "clusterroles"),
    "edit roles": _asks(_CHANGE, RBAC_GROUP, "roles"),
    "webhook": _asks(("create", *_CHANGE), _ADMISSION, "mutatingwebhookconfigurations"),
    "policy": _asks(("create", *_CHANGE), _ADMISSION, "mutatingadmissionpolicies"),
    "policy binding": _asks(("create", *_CHANGE), _ADMISSION, "mutatingadmissionpolicybindings"),
    "request": (("create", _CERTIFICATES, "certificatesigningrequests"),),
    "approval": _asks(_CHANGE, _CERTIFICATES, "certificatesigningrequests/approval"),
    "approve": (("approve", _CERTIFICATES, "signers"),),
}
"""What a step needs, each as the requests of which one is enough."""

_BITS = {power: 1 << number for number, power in enumerate(POWERS)}
_SELF_SERVICE = sum(
    _BITS[power] for power in ("bind clusterroles", "bind roles", "escalate clusterroles", "escalate roles")
)

# By API group and resource: the verb, and the power that it gives.
_BY_RESOURCE: dict[tuple[str, str], dict[str, int]] = {}
for _power, _questions in POWERS.items():
    for _verb, _group, _resource in _questions:
        _verbs = _BY_RESOURCE.setdefault((_group, _resource), {})
        _verbs[_verb] = _verbs.get(_verb, 0) | _BITS[_power]

# A request to create has no name yet, so an entry with names refuses it; of a subresource it has the parent's.
_NAMELESS = {("create", group, resource) for group, resource in _BY_RESOURCE if "/" not in resource}

SIGNER = "kubernetes.io/kube-apiserver-client"
"""The signer of client certificates ("Certificates and Certificate Signing Requests", Kubernetes signers)."""

ADMIN = Role("ClusterRole", None, "cluster-admin", (PolicyRule(("*",), ("*",), ("*",), (), ()),))
"""What is reached: every cluster has this role ("User-facing roles")."""

# What the API server binds at its start and files do not hold ("Default roles and role bindings"): of all of these the
# two that lead to everything, and a namespace with such an account.
_SYSTEM_NAMESPACE = "kube-system"
_BUILT_IN = {
    Subject("User", "", "system:kube-controller-manager"): "system:kube-controller-manager",
    Subject("ServiceAccount", _SYSTEM_NAMESPACE, "clusterrole-aggregation-controller"): (
        "system:controller:clusterrole-aggregation-controller"
    ),
}


class Need(NamedTuple):
    """A power that a step needs: where (None is everywhere), and on what by name (empty: on anything)."""

    power: str
    namespace: str | None
    name: str = ""


class Node(NamedTuple):
    """Where a step leads: to an identity, to ``cluster-admin``, or to any account of a place.

    ``kind`` is ``subject``, ``admin``, ``accounts`` (which exist there), ``running`` (whose tokens Pods hold there),
    ``tokens`` (whose tokens are in Secrets there), ``users`` or ``node``.
    """

    kind: str
    namespace: str | None = None
    subject: Subject | None = None


class Step(NamedTuple):
    """One step: what it is called, what it needs, where it leads, and why it is not certain."""

    edge: str
    needs: tuple[Need, ...]
    to: Node
    doubt: str = ""


class Gain(NamedTuple):
    """What an identity gives to itself: a role, where, by what."""

    edge: str
    needs: tuple[Need, ...]
    role: Role
    namespace: str | None


class Link(NamedTuple):
    """A step of a chain that was found: who takes it, what that identity gave to itself before, and to whom it leads.

    ``target`` is None where it leads to cluster-admin.
    """

    subject: Subject
    gains: tuple[Gain, ...]
    step: Step
    target: Subject | None

    def __str__(self) -> str:
        where = {need.namespace for need in self.step.needs} - {None}
        place = f" in {', '.join(sorted(map(str, where)))}" if where else ""
        gained = "".join(f"{gain.edge}, " for gain in self.gains)
        to = self.target.id if self.target else "cluster-admin"
        return f"{self.subject.id}: {gained}{self.step.edge}{place} -> {to}"


_GOAL = Node("admin")
_NODE = Node("node")


def _powers(role: Role) -> tuple[int, dict[str, int]]:
    """What a role gives on anything, and what on objects of a name."""
    anything, named = 0, dict[str, int]()
    for rule in role.rules:
        found = 0
        for key in _keys(rule):
            for verb, bits in _BY_RESOURCE[key].items():
                if verb in rule.verbs or "*" in rule.verbs:
                    found |= 0 if rule.names and (verb, *key) in _NAMELESS else bits
        if not rule.names:
            anything |= found
        for name in rule.names:
            named[name] = named.get(name, 0) | found
    return anything, named


def _keys(rule: PolicyRule) -> Iterator[tuple[str, str]]:
    """The resources that an entry is about, of those that count."""
    if "*" not in rule.groups and "*" not in rule.resources and not any(r.startswith("*") for r in rule.resources):
        for group in rule.groups:
            for resource in rule.resources:
                if (group, resource) in _BY_RESOURCE:
                    yield group, resource
        return
    for group, resource in _BY_RESOURCE:
        if PolicyRule(("*",), rule.groups, rule.resources, (), ()).allows("", group, resource):
            yield group, resource


class _Rights:
    """The roles of an identity by place, and what powers they add up to."""

    def __init__(self) -> None:
        self.roles: dict[tuple[Role, str | None], None] = {}
        self.all_powers = 0
        self.doubt = ""
        self._anything: dict[str | None, int] = {}
        self._named: dict[str | None, dict[str, int]] = {}

    def add(self, role: Role, namespace: str | None, powers: tuple[int, dict[str, int]]) -> bool:
        """Hold one role more; whether that is new."""
        if (role, namespace) in self.roles:
            return False
        self.roles[role, namespace] = None
        anything, named = powers
        self._anything[namespace] = self._anything.get(namespace, 0) | anything
        self.all_powers |= anything
        here = self._named.setdefault(namespace, {})
        for name, bits in named.items():
            here[name] = here.get(name, 0) | bits
            self.all_powers |= bits
        return True

    @property
    def places(self) -> list[str | None]:
        """Where there is any power: everywhere first."""
        return [None, *(place for place in self._anything if place is not None)]

    def has(self, power: str, namespace: str | None, name: str = "") -> bool:
        """Whether it has a power on anything, or at least on what bears the name."""
        bit = _BITS[power]
        places = (None,) if namespace is None else (None, namespace)
        return any(
            self._anything.get(place, 0) & bit or (name and self._named.get(place, {}).get(name, 0) & bit)
            for place in places
        )

    def names(self, power: str, namespace: str | None) -> list[str]:
        """On what it has a power by name."""
        places = (None,) if namespace is None else (None, namespace)
        found = (name for place in places for name, bits in self._named.get(place, {}).items() if bits & _BITS[power])
        return list(dict.fromkeys(found))

    def some(self, power: str, namespace: str | None) -> Need | None:
        """A power in a place, on anything or on whatever bears a name."""
        if self.has(power, namespace):
            return Need(power, namespace)
        return next((Need(power, namespace, name) for name in self.names(power, namespace)), None)

    def has_any(self, power: str, namespace: str | None) -> bool:
        """Whether :meth:`some` finds one."""
        return self.some(power, namespace) is not None

    def anywhere(self, power: str) -> Need | None:
        """A power in some place."""
        return next((need for place in self.places if (need := self.some(power, place))), None)


class _Profile(NamedTuple):
    """What all identities with the same roles have in common."""

    gains: tuple[Gain, ...]
    steps: tuple[Step, ...]
    doubt: str


class Escalation(Fact):
    """``facts.escalation``, by kind: accounts, workloads, bindings."""

    turns_pass = (ROLE_BINDING, CLUSTER_ROLE_BINDING, ROLE, CLUSTER_ROLE, SERVICE_ACCOUNT, "core/Secret", *TEMPLATES)
    anywhere = frozenset(turns_pass)

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        permissions = facts.fact("permissions")
        if not isinstance(permissions, Permissions):
            raise TypeError("permissions is another fact")
        self._permissions = permissions
        self._rbac = permissions.rbac
        self._powers: dict[Role, tuple[int, dict[str, int]]] = {}
        self._shown: dict[Subject, dict[str, Any]] = {}
        self._profiles: dict[frozenset[tuple[Role, str | None]], _Profile] = {}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """Whether an account, the account of a workload or the subjects of a binding reach cluster-admin."""
        if obj.group_kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
            subjects = self._rbac.binding(obj).subjects
            return {"subjects": [self._plain(subject) if subject else {} for subject in subjects]}
        if obj.group_kind == SERVICE_ACCOUNT:
            return self._plain(Subject("ServiceAccount", obj.identity.namespace or "", obj.identity.name))
        view = pod_view(obj)
        if view is None:
            return f"a {obj.kind} is no identity"
        account = Subject("ServiceAccount", obj.identity.namespace or "", account_of(view.spec))
        holds, doubt = self._holds_token(obj, account, view.spec)
        return {**self._plain(account), "holdsToken": holds, "unknownToken": doubt}

    def table(self) -> Table:
        """One row for each identity that has a right, reaches cluster-admin, or may do so."""
        rows = []
        for subject in self.identities:
            found = self._plain(subject)
            own = subject in self._rbac.bound or subject not in self._built_in
            if own and (subject in self._rbac.bound or found["reaches"] or found["unknown"]):
                reaches = found["reaches"] or (None if found["unknown"] else False)
                rows.append((subject.id, reaches, found["chain"] or [found["unknown"] or "-"]))
        return Table(("subject", "reaches cluster-admin", "by"), tuple(rows))

    def _plain(self, subject: Subject) -> dict[str, Any]:
        found = self._shown.get(subject)
        if found is None:
            chain = self.chain(subject)
            found = self._shown[subject] = {
                "subject": subject.id,
                "reaches": chain is not None,
                "chain": [str(link) for link in chain or ()],
                "unknown": "" if chain is not None else self._unsure.get(_node(subject), ""),
            }
        return found

    def chain(self, subject: Subject) -> list[Link] | None:
        """The shortest way of a subject to cluster-admin, or None if there is none for certain."""
        node = _node(subject)
        if node not in self._next:
            return None
        found: list[Link] = []
        who, step = subject, self._next[node]
        while node != _GOAL:
            taken = self._next[node]
            if node.kind == "subject" and node.subject is not None:
                who, step = node.subject, taken
            node = taken.to
            if node.subject is not None or node == _GOAL:
                found.append(Link(who, self._gains_before(who, step), step, node.subject))
        return found

    def reviews(self, link: Link) -> Iterator[tuple[Question, Need]]:
        """The requests that a step needs, for one who asks the API server; those of gains come first, in their order.

        Raises:
            LookupError: The chain is wrong.
        """
        roles = dict(self._held[link.subject][0])
        for gain in link.gains:
            yield from ((_request(roles, need), need) for need in gain.needs)
            roles[gain.role, gain.namespace] = None
        yield from ((_request(roles, need), need) for need in link.step.needs)

    def _gains_before(self, subject: Subject, step: Step) -> tuple[Gain, ...]:
        """What an identity has to give to itself before a step; nothing where its own roles are enough."""
        gains = self._profile_of(subject).gains
        if not gains:
            return ()
        own = _Rights()
        for role, place in self._held[subject][0]:
            own.add(role, place, self._powers_of(role))
        return () if all(own.has(*need) for need in step.needs) else gains

    @cached_property
    def _held(self) -> dict[Subject, tuple[dict[tuple[Role, str | None], None], str]]:
        """The roles of each identity with their places, and why these may not be all."""
        return {subject: self._roles_of(subject) for subject in self.identities}

    def _roles_of(self, subject: Subject) -> tuple[dict[tuple[Role, str | None], None], str]:
        roles: dict[tuple[Role, str | None], None] = {}
        doubt = ""
        for binding in self._rbac.held(subject):
            if isinstance(binding.role, Role) and not binding.twin:
                roles[binding.role, binding.namespace] = None
            else:
                doubt = doubt or binding.doubt
        if subject in self._built_in:
            roles[self._built_in[subject], None] = None
        return roles, doubt

    @cached_property
    def _built_in(self) -> dict[Subject, Role]:
        """What nobody needs to bind; live, the bindings of Kubernetes itself were read as all others."""
        found = {Subject("Group", "", MASTERS): ADMIN}
        if not self._rbac.live:
            for subject, name in _BUILT_IN.items():
                role = self._rbac.role("ClusterRole", None, name)
                if isinstance(role, Role):
                    found[subject] = role
        return found

    @cached_property
    def identities(self) -> list[Subject]:
        """Everybody who is bound to anything, every account, and what Kubernetes itself brings along."""
        found = {**dict.fromkeys(self._rbac.bound), **dict.fromkeys(self._built_in)}
        for accounts in self._accounts.values():
            found.update(dict.fromkeys(accounts))
        return list(found)

    @cached_property
    def _accounts(self) -> dict[str, dict[Subject, None]]:
        """The accounts of each namespace: those that were seen, that Pods use, that are bound, and ``default``."""
        found: dict[str, dict[Subject, None]] = {}

        def add(namespace: str | None, name: str) -> None:
            found.setdefault(namespace or "", {})[Subject("ServiceAccount", namespace or "", name)] = None

        for namespace in (*self.index.namespaces, _SYSTEM_NAMESPACE):
            add(namespace, "default")
        for obj in self.index.of_kind(SERVICE_ACCOUNT):
            add(obj.identity.namespace, obj.identity.name)
        for workloads in self.index.workloads.values():
            for workload in workloads:
                add(workload.namespace, account_of(workload.view.spec))
        for subject in (*self._rbac.bound, *self._built_in):
            if subject.kind == "ServiceAccount":
                add(subject.namespace, subject.name)
        return found

    def _powers_of(self, role: Role) -> tuple[int, dict[str, int]]:
        if role not in self._powers:
            self._powers[role] = _powers(role)
        return self._powers[role]

    def _profile_of(self, subject: Subject) -> _Profile:
        """What an identity can do; the same for all that hold the same roles."""
        roles = self._held[subject][0]
        key = frozenset(roles)
        if key not in self._profiles:
            rights = _Rights()
            for role, place in roles:
                rights.add(role, place, self._powers_of(role))
            gains = self._give(rights)
            self._profiles[key] = _Profile(gains, tuple(self._steps_of(rights)), rights.doubt)
        return self._profiles[key]

    def _give(self, rights: _Rights) -> tuple[Gain, ...]:
        """Everything that an identity can bind to itself or write into its roles, added to its rights."""
        gains: list[Gain] = []
        new = rights.all_powers & _SELF_SERVICE != 0
        while new and not rights.has("everything", None):
            found = [
                gain
                for gain in (*self._by_bind(rights), *self._by_escalate(rights))
                if rights.add(gain.role, gain.namespace, self._powers_of(gain.role))
            ]
            gains += found
            new = bool(found)
        return tuple(gains)

    def _by_escalate(self, rights: _Rights) -> list[Gain]:
        """Who may escalate a role that it holds, and change it, writes everything into it."""
        found = []
        for role, place in rights.roles:
            kind = f"{role.kind.lower()}s"
            where = role.namespace
            if rights.has(f"escalate {kind}", where, role.name) and rights.has(f"edit {kind}", where, role.name):
                needs = (Need(f"escalate {kind}", where, role.name), Need(f"edit {kind}", where, role.name))
                found.append(Gain(f"write all rights into {role}", needs, ADMIN, place))
        return found

    def _by_bind(self, rights: _Rights) -> list[Gain]:
        found: list[Gain] = []
        cluster_wide = rights.has_any("make rolebindings", None) or rights.has_any("edit rolebindings", None)
        places = dict.fromkeys((*rights.places, *(self._accounts if cluster_wide else ())))
        for place in places:
            kind = "clusterrolebindings" if place is None else "rolebindings"
            if rights.has("everything", place):
                continue
            if rights.has(f"make {kind}", place):
                for role, need in self._bindable(rights, place):
                    found.append(Gain(f"bind {role}", (Need(f"make {kind}", place), need), role, place))
            if rights.has_any(f"edit {kind}", place):
                for name, role in self._existing(place):
                    need = Need(f"bind {role.kind.lower()}s", place, role.name)
                    if rights.has(f"edit {kind}", place, name) and rights.has(*need):
                        needs = (Need(f"edit {kind}", place, name), need)
                        found.append(Gain(f"become a subject of {kind[:-1]} {name}", needs, role, place))
        return found

    def _bindable(self, rights: _Rights, place: str | None) -> Iterator[tuple[Role, Need]]:
        """The roles that may be bound in a place, with what allows it."""
        if rights.has("bind clusterroles", place):
            yield ADMIN, Need("bind clusterroles", place, ADMIN.name)
            return
        wanted = [("ClusterRole", name) for name in rights.names("bind clusterroles", place)]
        if place is not None:
            every = rights.has("bind roles", place)
            names = [obj.identity.name for obj in self.index.in_namespace(ROLE, place)] if every else []
            wanted += [("Role", name) for name in (*names, *rights.names("bind roles", place))]
        for kind, name in wanted:
            role = self._rbac.role(kind, None if kind == "ClusterRole" else place, name)
            if isinstance(role, Role):
                yield role, Need(f"bind {kind.lower()}s", place, name)
            else:
                rights.doubt = rights.doubt or role

    def _existing(self, place: str | None) -> Iterator[tuple[str, Role]]:
        """The bindings of a place and their roles; that of cluster-admin is in every cluster."""
        if place is None and not self._rbac.live:
            yield ADMIN.name, ADMIN
        for binding in self._rbac.reaching.get(place, ()):
            if isinstance(binding.role, Role) and not binding.twin:
                yield binding.object.identity.name, binding.role

    def _steps_of(self, rights: _Rights) -> Iterator[Step]:
        """Everywhere that an identity with these rights gets to in one step."""
        if rights.has("everything", None):
            yield Step("has every right", (Need("everything", None),), _GOAL)
            return
        if not rights.all_powers:
            return
        yield from self._cluster_steps(rights)
        for place in rights.places:
            yield from self._account_steps(rights, place)
            yield from self._pod_steps(rights, place)

    def _cluster_steps(self, rights: _Rights) -> Iterator[Step]:
        if rights.has("read secrets", None):
            yield Step("read every Secret", (Need("read secrets", None),), _GOAL)
        if hook := rights.some("webhook", None):
            yield Step("change what is admitted by a webhook", (hook,), _GOAL)
        policy, bound = rights.some("policy", None), rights.some("policy binding", None)
        if policy and bound:
            yield Step("change what is admitted by a policy", (policy, bound), _GOAL)
        yield from self._certificate_steps(rights)
        yield from self._impersonation_steps(rights)
        if proxy := rights.some("proxy", None):
            yield Step("run commands through the kubelet", (proxy,), _NODE)
        if rights.has("volume", None):
            for place in rights.places:
                run = rights.some("run", place)
                if run and rights.has("claim", place):
                    needs = (Need("volume", None), Need("claim", place), run)
                    yield Step("mount the disk of a node as a volume", needs, _NODE)
                    break

    def _certificate_steps(self, rights: _Rights) -> Iterator[Step]:
        approval = rights.some("approval", None)
        if rights.has("request", None) and approval:
            for signer in (SIGNER, f"{SIGNER.partition('/')[0]}/*"):
                if rights.has("approve", None, signer):
                    needs = (Need("request", None), approval, Need("approve", None, signer))
                    yield Step("approve its own certificate", needs, _GOAL)
                    return

    def _impersonation_steps(self, rights: _Rights) -> Iterator[Step]:
        # A request that names groups names a user too (User impersonation).
        users = [name for name in rights.names("be user", None) if _is_user(name)]
        user = Need("be user", None) if rights.has("be user", None) else None
        user = user or next((Need("be user", None, name) for name in users), None)
        somebody = user or rights.anywhere("be account")
        if rights.has("be group", None, MASTERS) and somebody:
            yield Step(f"impersonate {MASTERS}", (Need("be group", None, MASTERS), somebody), _GOAL)
        for name in rights.names("be group", None) if somebody else ():
            to = Subject("Group", "", name)
            if to in self._held and somebody:
                yield Step("impersonate", (Need("be group", None, name), somebody), _node(to))
        if rights.has("be user", None):
            yield Step("impersonate", (Need("be user", None),), Node("users"))
        for name in users:
            if (to := Subject("User", "", name)) in self._held:
                yield Step("impersonate", (Need("be user", None, name),), _node(to))

    def _account_steps(self, rights: _Rights, place: str | None) -> Iterator[Step]:
        everybody = Node("accounts", place)
        if run := rights.some("run", place):
            yield Step("run Pods", (run,), everybody)
        read = rights.some("read secrets", place)
        if read and rights.has("make secrets", place):
            yield Step("make a Secret for a token and read it", (Need("make secrets", place), read), everybody)
        for power, edge in (("token", "ask for a token"), ("be account", "impersonate")):
            if rights.has(power, place):
                yield Step(edge, (Need(power, place),), everybody)
            for name in rights.names(power, place):
                for to in self._called(place, name):
                    yield Step(edge, (Need(power, place, name),), _node(to))
        if place is not None and rights.has("read secrets", place):
            yield Step("read a Secret with a token", (Need("read secrets", place),), Node("tokens", place))
        for name in rights.names("read secrets", place):
            for where in (place,) if place is not None else self._tokens:
                if to_account := self._tokens.get(where, {}).get(name):
                    yield Step("read a Secret with a token", (Need("read secrets", place, name),), _node(to_account))

    def _called(self, place: str | None, name: str) -> Iterator[Subject]:
        for namespace in (place,) if place is not None else self._accounts:
            account = Subject("ServiceAccount", namespace, name)
            if account in self._accounts.get(namespace, {}):
                yield account

    def _pod_steps(self, rights: _Rights, place: str | None) -> Iterator[Step]:
        if rights.has("exec", place):
            needs = (Need("exec", place),)
            yield Step("run commands in Pods", needs, Node("running", place))
            if any(place in (None, namespace) for namespace in self._privileged):
                yield Step("run commands in a privileged Pod", needs, _NODE)
        for name in rights.names("exec", place):
            needs = (Need("exec", place, name),)
            for workload in self._pods_called(place, name):
                account, mounted, doubt = self._token_of(workload)
                if mounted:
                    yield Step("run commands in Pods", needs, _node(account), doubt)
                if _is_privileged(workload):
                    yield Step("run commands in a privileged Pod", needs, _NODE)

    def _pods_called(self, place: str | None, name: str) -> Iterator[Workload]:
        """The workloads whose Pods may have a name: it begins with that of their controller."""
        for namespace in self.index.workloads if place is None else (place,):
            for workload in self.index.workloads.get(namespace, ()):
                own = workload.object.identity.name
                if name == own or (workload.object.kind != "Pod" and own and name.startswith(f"{own}-")):
                    yield workload

    def _holds_token(self, obj: KubeObject, account: Subject, pod: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether the Pods hold a token that the API server accepts, and why that is not known."""
        for volume in maps(pod, "volumes"):
            for source in maps(volume, "projected", "sources"):
                if isinstance(token := source.get("serviceAccountToken"), dict) and not token.get("audience"):
                    return True, ""
        return self._permissions.mounts(account, pod, obj)

    def _token_of(self, workload: Workload) -> tuple[Subject, bool, str]:
        """The account of a workload, whether its Pods hold its token, and why that is not known."""
        account = Subject("ServiceAccount", workload.namespace or "", account_of(workload.view.spec))
        return account, *self._holds_token(workload.object, account, workload.view.spec)

    @cached_property
    def _privileged(self) -> set[str | None]:
        return {place for place, workloads in self.index.workloads.items() if any(map(_is_privileged, workloads))}

    @cached_property
    def _tokens(self) -> dict[str | None, dict[str, Subject]]:
        """The Secrets that hold a token, by namespace and name ("Manually create a long-lived API token")."""
        found: dict[str | None, dict[str, Subject]] = {}
        for obj in self.index.of_kind("core/Secret"):
            name = annotations_of(part(obj.body, "metadata")).get("kubernetes.io/service-account.name")
            namespace = obj.identity.namespace
            if name and text(obj.body, "type") == "kubernetes.io/service-account-token":
                account = Subject("ServiceAccount", namespace or "", name)
                if account in self._accounts.get(namespace or "", {}):
                    found.setdefault(namespace, {})[obj.identity.name] = account
        return found

    @cached_property
    def _steps(self) -> dict[Node, list[Step]]:
        """The graph."""
        found: dict[Node, list[Step]] = {}
        for subject in self.identities:
            if steps := self._profile_of(subject).steps:
                found[_node(subject)] = list(steps)
        for start, to, doubt in self._leads():
            found.setdefault(start, []).append(Step("", (), to, doubt))
        return found

    def _leads(self) -> Iterator[tuple[Node, Node, str]]:
        """From the nodes that are no identity to those that they stand for, with why that is not certain."""
        for subject in self.identities:
            if subject.kind == "User":
                yield Node("users"), _node(subject), ""
        for namespace, accounts in self._accounts.items():
            yield Node("accounts"), Node("accounts", namespace), ""
            for account in accounts:
                yield Node("accounts", namespace), _node(account), ""
        for place, tokens in self._tokens.items():
            for account in dict.fromkeys(tokens.values()):
                yield Node("tokens", place), _node(account), ""
        yield _NODE, Node("running"), ""
        for place, workloads in self.index.workloads.items():
            yield Node("running"), Node("running", place), ""
            for account, doubt in self._running(workloads).items():
                yield Node("running", place), _node(account), doubt

    def _running(self, workloads: Iterable[Workload]) -> dict[Subject, str]:
        """The accounts whose tokens the Pods of workloads hold, with why that is not certain."""
        found: dict[Subject, str] = {}
        for workload in workloads:
            account, mounted, doubt = self._token_of(workload)
            if mounted:
                found[account] = doubt and found.get(account, doubt)
        return found

    @cached_property
    def _backwards(self) -> dict[Node, list[tuple[Node, Step]]]:
        found: dict[Node, list[tuple[Node, Step]]] = {}
        for start, steps in self._steps.items():
            for step in steps:
                found.setdefault(step.to, []).append((start, step))
        return found

    @cached_property
    def _next(self) -> dict[Node, Step]:
        """For what reaches cluster-admin, the first step of the shortest way."""
        found: dict[Node, Step] = {}
        waiting = deque([_GOAL])
        while waiting:
            for start, step in self._backwards.get(waiting.popleft(), ()):
                if start not in found and not step.doubt:
                    found[start] = step
                    waiting.append(start)
        return found

    @cached_property
    def _unsure(self) -> dict[Node, str]:
        """Why it is not known whether a node reaches cluster-admin, of those that do not for certain."""
        found: dict[Node, str] = {}
        for subject in self.identities:
            doubt = self._held[subject][1] or self._profile_of(subject).doubt
            if doubt:
                found[_node(subject)] = doubt
        waiting = deque(found)
        for node in (_GOAL, *self._next):
            for start, step in self._backwards.get(node, ()):
                if step.doubt and start not in self._next and start not in found:
                    found[start] = step.doubt
                    waiting.append(start)
        while waiting:
            node = waiting.popleft()
            for start, _ in self._backwards.get(node, ()):
                if start not in found:
                    found[start] = found[node]
                    waiting.append(start)
        return found


def _node(subject: Subject) -> Node:
    return Node("subject", None, subject)


def _is_user(name: str) -> bool:
    """Whether a name is impersonated as a user: one that is an account's is asked for as that account."""
    found = subject_of({"kind": "User", "name": name}, "")
    return found is not None and found.kind == "User"


def _is_privileged(workload: Workload) -> bool:
    return any(
        part(container, "securityContext").get("privileged") is True for _, _, container in workload.view.containers()
    )


def _request(roles: Iterable[tuple[Role, str | None]], need: Need) -> Question:
    """The first of the requests of a power that one of the roles grants."""
    for question in POWERS[need.power]:
        for role, place in roles:
            if place in (None, need.namespace) and any(rule.allows(*question, need.name) for rule in role.rules):
                return question
    raise LookupError(need)
