"""Which network policies select a workload, what they leave open, and what the selectors of a policy find.

Sources: the NetworkPolicy API reference and the Kubernetes documentation, "Network Policies"; for Cilium see
``ciliumpolicies``. Work is done once for each class of Pods that no policy can tell apart, and once for each selector.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.ciliumpolicies import CLUSTERWIDE, POLICY, CiliumPart, named_hosts, parts_of, reaches_world
from assay.facts.index import NAME_LABEL, Workload, items, maps, part, selects, text
from assay.facts.interface import Fact, Table
from assay.facts.networkpolicies import (
    DIRECTIONS,
    Direction,
    End,
    Peer,
    Policy,
    RefusedError,
    Rule,
    in_namespace,
    meets,
    read_policy,
)
from assay.model.objects import UNSET_NAMESPACE
from assay.workloads import TEMPLATES

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

_POLICY = "networking.k8s.io/NetworkPolicy"
_NAMESPACE = "core/Namespace"

# Policies that are not read. Those that live in a namespace decide about that namespace only.
_OTHERS = (
    "policy.networking.k8s.io/AdminNetworkPolicy",
    "policy.networking.k8s.io/BaselineAdminNetworkPolicy",
    "policy.networking.k8s.io/ClusterNetworkPolicy",
    "crd.projectcalico.org/GlobalNetworkPolicy",
    "projectcalico.org/GlobalNetworkPolicy",
    "crd.antrea.io/ClusterNetworkPolicy",
)
_OTHERS_OF_NAMESPACE = (
    "crd.projectcalico.org/NetworkPolicy",
    "projectcalico.org/NetworkPolicy",
    "crd.antrea.io/NetworkPolicy",
)

# Amazon EC2's user guide, "Access instance metadata"; Google Cloud and Azure answer at the same IPv4 address.
_METADATA_SERVICE = (End("169.254.169.254"), End("fd00:ec2::254"))

# Every cluster has it, with the Pods of DNS in it (Kubernetes documentation, "Initial namespaces").
_SYSTEM = "kube-system"

# Operators make Pods for these, with labels of their own, and no file shows them.
_MADE_INTO_PODS = (
    "acid.zalan.do/postgresql",
    "app.redislabs.com/RedisEnterpriseCluster",
    "beat.k8s.elastic.co/Beat",
    "databases.spotahome.com/RedisFailover",
    "elasticsearch.k8s.elastic.co/Elasticsearch",
    "gateway.networking.k8s.io/Gateway",
    "grafana.integreatly.org/Grafana",
    "kibana.k8s.elastic.co/Kibana",
    "logstash.k8s.elastic.co/Logstash",
    "loki.grafana.com/LokiStack",
    "mongodb.com/MongoDB",
    "mongodbcommunity.mongodb.com/MongoDBCommunity",
    "monitoring.coreos.com/Alertmanager",
    "monitoring.coreos.com/Prometheus",
    "opentelemetry.io/OpenTelemetryCollector",
    "pgv2.percona.com/PerconaPGCluster",
    "postgresql.cnpg.io/Cluster",
    "postgresql.cnpg.io/Pooler",
    "psmdb.percona.com/PerconaServerMongoDB",
    "pxc.percona.com/PerconaXtraDBCluster",
    "redis.redis.opstreelabs.in/Redis",
)

_SERVICE_ENTRY = "networking.istio.io/ServiceEntry"
_SIDECAR = "networking.istio.io/Sidecar"

_EVERYTHING = ["*"]
_NO_NAMES: frozenset[str] = frozenset()
_NOTHING_SEEN = "whatever it selects"


class _Pods(NamedTuple):
    """Workloads whose Pods no policy can tell apart, and the policies that select them."""

    namespace: str
    labels: Mapping[str, str]
    host: bool
    workloads: list[Workload]
    policies: list[Policy]
    cilium: list[CiliumPart]
    doubts: list[str]

    def isolating(self, direction: Direction) -> list[str]:
        """The policies that put the Pods into default deny."""
        return [
            *(policy.name for policy in self.policies if policy.rules(direction) is not None),
            *(each.name for each in self.cilium if direction in each.denies),
        ]


class _Namespaces(NamedTuple):
    """The namespaces that a selector selects, and those of which that is not known."""

    sure: frozenset[str]
    doubtful: frozenset[str]


class _Seen(NamedTuple):
    """What a rule of a policy lets pass: whom, on which ports, whether the metadata service, and as rules see it."""

    whom: tuple[str, ...]
    ports: list[str]
    metadata: bool
    outline: dict[str, Any]


class Isolation(Fact):
    """``facts.isolation``: see docs/facts/isolation.md."""

    turns_fail = (_POLICY,)
    anywhere = frozenset({_NAMESPACE})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._found: dict[str, _Namespaces] = {}
        self._groups: dict[frozenset[str], list[dict[str, Any]]] = {}
        self._others: dict[str, list[dict[str, Any]]] = {}
        self._existing: dict[tuple[str, str, str], str] = {}
        self._rules: dict[int, _Seen] = {}
        self._read: dict[int, Policy | str] = {}
        self._policies: dict[str, list[Policy]] = {}
        self._doubts: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for obj in index.of_kind(_POLICY):
            self._take(obj)
        self._cilium: dict[str | None, list[CiliumPart]] = {}
        self._contradicting: dict[str | None, list[CiliumPart]] = {}
        for obj in index.of_kind(POLICY, CLUSTERWIDE):
            twins = len(index.find(obj.group_kind, obj.identity.namespace, obj.identity.name)) > 1
            for each in parts_of(obj):
                (self._contradicting if twins else self._cilium).setdefault(each.namespace, []).append(each)

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The isolation of a workload or a namespace, or what a policy finds."""
        kind = obj.group_kind
        if kind in TEMPLATES:
            pods = self._classified[id(obj)]
            return pods.doubts[0] if pods.doubts else self._of_pods(pods)
        if kind == _NAMESPACE:
            return self._of_namespace(obj.identity.name)
        if kind == _POLICY:
            policy = self._read[id(obj)]
            return policy if isinstance(policy, str) else self._of_policy(obj, policy)
        if kind in (POLICY, CLUSTERWIDE):
            return self._of_cilium(obj)
        return "only workloads, namespaces and network policies have network isolation"

    def table(self) -> Table:
        """One row for each workload."""
        columns = ("namespace", "kind", "name", "policies", "host network", "in: own", "in: others", "in: world")
        rows = []
        for pods in self._classes:
            known = self._of_pods(pods)
            opened = [known[way][whom] for way in DIRECTIONS for whom in ("own", "others", "world")]
            unknown = [*pods.doubts, *(known[way]["unknown"] for way in DIRECTIONS)]
            told = "; ".join(dict.fromkeys(reason for reason in unknown if reason))
            for workload in pods.workloads:
                who = (pods.namespace, workload.object.kind, workload.object.identity.name)
                rows.append((*who, known["policies"], pods.host, *opened, told))
        return Table((*columns, "out: own", "out: others", "out: world", "not known"), tuple(rows))

    # What there is

    def _take(self, obj: KubeObject) -> None:
        """Read a policy; one that nobody can read, or that has a twin, is a doubt about what it may select."""
        namespace, name = obj.identity.namespace or "", obj.identity.name
        try:
            policy = read_policy(obj.body, namespace)
        except RefusedError as problem:
            reason = f"NetworkPolicy {name} is not one that the API server takes ({problem})"
            self._read[id(obj)] = reason
            self._doubts.setdefault(namespace, []).append((reason, {}))
            return
        self._read[id(obj)] = policy
        if len(self.index.find(_POLICY, obj.identity.namespace, name)) > 1:
            reason = f"there are several NetworkPolicies {name} that contradict each other"
            self._doubts.setdefault(namespace, []).append((reason, policy.pods))
        else:
            self._policies.setdefault(namespace, []).append(policy)

    @cached_property
    def _labels(self) -> dict[str, dict[str, str] | None]:
        """The labels of every namespace; None of those that were not seen."""
        return {_SYSTEM: None, **self.index.namespaces}

    @cached_property
    def _classes(self) -> list[_Pods]:
        return list({id(pods): pods for pods in self._classified.values()}.values())

    @cached_property
    def _classified(self) -> dict[int, _Pods]:
        """The class of each workload, by the id of its object."""
        found: dict[int, _Pods] = {}
        for namespace, workloads in self.index.workloads.items():
            near = _Selectors(self._policies.get(namespace or "", []))
            classes: dict[tuple[Any, ...], _Pods] = {}
            for workload in workloads:
                spec = workload.view.spec
                account = text(spec, "serviceAccountName") or "default"
                host = spec.get("hostNetwork") is True
                key = (frozenset(workload.labels.items()), host, account if self._cilium else "")
                pods = classes.get(key)
                if pods is None:
                    pods = classes[key] = self._pods(namespace or "", workload.labels, account, near, host=host)
                pods.workloads.append(workload)
                found[id(workload.object)] = pods
        return found

    def _pods(self, namespace: str, labels: dict[str, str], account: str, near: _Selectors, *, host: bool) -> _Pods:
        if host:
            return _Pods(namespace, labels, host, [], [], [], [])
        policies = [policy for policy in near.of(labels) if selects(policy.pods, labels)]
        doubts = [reason for reason, selector in self._doubts.get(namespace, ()) if selects(selector, labels)]
        cilium = []
        for each in _about(self._cilium, namespace):
            chosen = each.selects(namespace, self._labels.get(namespace), labels, account)
            if chosen:
                cilium.append(each)
            elif chosen is None:
                doubts.append(f"whether {each.name} selects the Pods hangs on labels of a Namespace that was not seen")
        doubts += [
            f"there are several {each.name} that contradict each other"
            for each in _about(self._contradicting, namespace)
            if each.selects(namespace, self._labels.get(namespace), labels, account) is not False
        ]
        return _Pods(namespace, labels, host, [], policies, cilium, doubts)

    @cached_property
    def _in_namespace(self) -> dict[str, list[_Pods]]:
        found: dict[str, list[_Pods]] = {}
        for pods in self._classes:
            found.setdefault(pods.namespace, []).append(pods)
        return found

    @cached_property
    def _engines(self) -> dict[str, str]:
        """A policy of an engine that is not read, by the namespace that it is about; the empty text is all of them."""
        found: dict[str, str] = {}
        for obj in self.index.of_kind(*_OTHERS, *_OTHERS_OF_NAMESPACE):
            namespace = (obj.identity.namespace or "") if obj.group_kind in _OTHERS_OF_NAMESPACE else ""
            found.setdefault(namespace, f"{obj.kind}.{obj.identity.group} {obj.identity.name} is not read")
        return found

    def _engine(self, namespace: str) -> str:
        return self._engines.get("") or self._engines.get(namespace, "")

    # Workloads

    def _of_pods(self, pods: _Pods) -> dict[str, Any]:
        ways: dict[str, Any] = {way: self._way(pods, way) for way in DIRECTIONS}
        return {
            "ingressIsolated": ways["ingress"]["isolated"],
            "egressIsolated": ways["egress"]["isolated"],
            "policies": [*(policy.name for policy in pods.policies), *(each.name for each in pods.cilium)],
            "hostNetwork": pods.host,
            **ways,
        }

    def _way(self, pods: _Pods, direction: Direction) -> dict[str, Any]:
        """What is open in one direction."""
        isolating = bool(pods.isolating(direction))
        opened: dict[str, dict[str, None]] = {whom: {} for whom in ("own", "others", "world")}
        rules: list[dict[str, Any]] = []
        metadata: dict[str, None] = {}
        for policy, rule in [(one, rule) for one in pods.policies for rule in one.rules(direction) or ()]:
            seen = self._seen(policy, rule)
            for whom in seen.whom:
                opened[whom].update(dict.fromkeys(seen.ports))
            if seen.metadata:
                metadata[policy.name] = None
            rules.append(seen.outline)
        return {
            "isolated": isolating,
            **{whom: list(ports) if isolating and "*" not in ports else _EVERYTHING for whom, ports in opened.items()},
            "rules": rules,
            "metadataService": list(metadata),
            "unknown": self._unread(pods, direction),
        }

    def _seen(self, policy: Policy, rule: Rule) -> _Seen:
        found = self._rules.get(id(rule))
        if found is None:
            whom = tuple(dict.fromkeys(self._whom(rule, policy.namespace)))
            outline = {"policy": policy.name, **_outline(rule, policy.pods), "ports": _ports(rule)}
            metadata = _admits_metadata_service(rule, policy.namespace)
            found = self._rules[id(rule)] = _Seen(whom, _ports(rule), metadata, outline)
        return found

    def _unread(self, pods: _Pods, direction: Direction) -> str:
        """Why the rules of NetworkPolicies do not say all about a direction."""
        if pods.host:
            return ""
        for each in pods.cilium:
            if direction in each.forbids or any(each.rules[direction]):
                return f"what the rules of {each.name} let pass is not read"
        return self._engine(pods.namespace)

    def _whom(self, rule: Rule, namespace: str) -> Iterator[str]:
        """Whom a rule is about: Pods of its own namespace, those of others, addresses of the internet."""
        if rule.peers is None:
            yield from ("own", "others", "world")
        for peer in rule.peers or ():
            if peer.block is not None:
                yield from ("own", "others") if peer.block.private else ()
                yield from ("world",) if peer.block.public else ()
            else:
                found = self._namespaces(peer, namespace)
                yield from ("own",) if namespace in found.sure | found.doubtful else ()
                # Whether or not such a namespace exists: somebody may create it.
                pinned = part(peer.namespaces or {}, "matchLabels").get(NAME_LABEL) == namespace
                yield from ("others",) if peer.namespaces is not None and not pinned else ()

    # Selectors

    def _namespaces(self, peer: Peer, namespace: str) -> _Namespaces:
        """The namespaces in which a peer of a policy stands for Pods."""
        if peer.namespaces is None:
            return _Namespaces(frozenset({namespace}), frozenset())
        key = _canonical(peer.namespaces)
        if key not in self._found:
            chosen = {
                name: in_namespace(peer.namespaces, name, self._labels[name]) for name in self._near(peer.namespaces)
            }
            sure = frozenset(name for name, known in chosen.items() if known)
            self._found[key] = _Namespaces(sure, frozenset(name for name, known in chosen.items() if known is None))
        return self._found[key]

    def _near(self, selector: Mapping[str, Any]) -> Iterable[str]:
        """The namespaces that a selector may select, by the first label that it names."""
        for key, value in part(selector, "matchLabels").items():
            unseen = (name for name in self._unseen if key != NAME_LABEL or name == UNSET_NAMESPACE)
            return (*self._with_label.get((key, value), ()), *unseen)
        return self._labels

    @cached_property
    def _unseen(self) -> list[str]:
        return [name for name, labels in self._labels.items() if labels is None]

    @cached_property
    def _with_label(self) -> dict[tuple[str, str], list[str]]:
        """Namespaces by their labels, those that were not seen by their name."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, labels in self._labels.items():
            for pair in ({NAME_LABEL: name} if labels is None else labels).items():
                found.setdefault(pair, []).append(name)
        return found

    def _exist(self, peer: Peer, namespace: str) -> str:
        """Whether Pods that a peer stands for were seen: ``some``, ``none``, or why that is not known."""
        own = namespace if peer.namespaces is None else ""
        key = (own, _canonical(peer.namespaces or {}), _canonical(peer.pods))
        if key not in self._existing:
            self._existing[key] = self._look_for(peer, self._namespaces(peer, namespace), namespace)
        return self._existing[key]

    def _look_for(self, peer: Peer, found: _Namespaces, namespace: str) -> str:
        names = sorted(found.sure | found.doubtful)
        near = [pods for pods in self._pods_near(peer.pods, names) if selects(peer.pods, pods.labels)]
        if any(pods.namespace in found.sure for pods in near):
            return "some"
        for pods in near:
            if pods.namespace in found.doubtful:
                return f"the labels of the namespace {pods.namespace} were not seen"
        for name in names:
            if name in self._made:
                return self._made[name]
        if _SYSTEM in names and _SYSTEM not in self._in_namespace:
            return f"the Pods of {_SYSTEM} were not seen"
        if found.sure != {namespace} and self.index.world.complete is not True:
            return "Pods of other namespaces were not seen"
        return "none"

    def _pods_near(self, selector: Mapping[str, Any], names: Iterable[str]) -> Iterator[_Pods]:
        """The Pods of namespaces that a selector may select, by the first label that it names."""
        pair = next(iter(part(selector, "matchLabels").items()), None)
        for name in names:
            yield from self._in_namespace.get(name, ()) if pair is None else self._with_pod_label.get((name, *pair), ())

    @cached_property
    def _made(self) -> dict[str, str]:
        """Why a namespace may hold Pods that were not seen: an operator makes them for one of its objects."""
        return {
            obj.identity.namespace
            or "": f"the Pods that an operator makes for {obj.kind} {obj.identity.name} were not seen"
            for obj in self.index.of_kind(*_MADE_INTO_PODS)
        }

    @cached_property
    def _with_pod_label(self) -> dict[tuple[str, str, str], list[_Pods]]:
        found: dict[tuple[str, str, str], list[_Pods]] = {}
        for pods in self._classes:
            for key, value in pods.labels.items():
                found.setdefault((pods.namespace, key, value), []).append(pods)
        return found

    def _entry(self, rule: Rule, policy: Policy) -> dict[str, Any]:
        """The other namespaces and the addresses that a rule is about."""
        blocks = [str(peer.block.cidr) for peer in rule.peers or () if peer.block is not None]
        found = [self._namespaces(each, policy.namespace) for each in rule.peers or () if each.namespaces is not None]
        doubtful = _NO_NAMES.union(*(each.doubtful for each in found))
        sure = _NO_NAMES.union(*(each.sure for each in found))
        return {
            "policy": policy.name,
            "everybody": rule.peers is None,
            "namespaces": self._elsewhere(policy.namespace)
            if rule.peers is None
            else self._grouped(sure - {policy.namespace}),
            "doubtful": sorted(doubtful - sure - {policy.namespace}),
            "blocks": blocks,
        }

    def _elsewhere(self, namespace: str) -> list[dict[str, Any]]:
        """All namespaces but one."""
        if namespace not in self._others:
            self._others[namespace] = self._grouped(frozenset(self._labels) - {namespace})
        return self._others[namespace]

    def _grouped(self, names: frozenset[str]) -> list[dict[str, Any]]:
        """Namespaces by labels that are equal but for their name."""
        if names not in self._groups:
            groups: dict[int, dict[str, Any]] = {}
            for name in sorted(names):
                number, labels = self._alike[name]
                group = groups.get(number)
                if group is None:
                    group = groups[number] = {"labels": labels, "seen": self._labels[name] is not None, "names": []}
                group["names"].append(name)
            self._groups[names] = list(groups.values())
        return self._groups[names]

    @cached_property
    def _alike(self) -> dict[str, tuple[int, dict[str, str]]]:
        """The labels of each namespace without its name, with a number that is the same for the same labels."""
        numbers: dict[tuple[bool, frozenset[tuple[str, str]]], int] = {}
        found = {}
        for name, labels in self._labels.items():
            told = {key: value for key, value in (labels or {}).items() if key != NAME_LABEL}
            key = (labels is not None, frozenset(told.items()))
            found[name] = (numbers.setdefault(key, len(numbers)), told)
        return found

    # Namespaces and policies

    def _of_namespace(self, name: str) -> dict[str, Any]:
        policies = self._policies.get(name, [])
        labels = self._labels.get(name)
        covering = [each for each in _about(self._cilium, name) if each.covers(name, labels)]
        pods = [each for each in self._in_namespace.get(name, ()) if not each.host]
        applied = [*self._cilium.get(name, ()), *covering, *(each for some in pods for each in some.cilium)]
        cilium = list({id(each): each for each in applied}.values())
        exact, patterns = self._hosts(name, cilium)
        doubts = [reason for reason, _ in self._doubts.get(name, ())]
        denials = [
            {"policy": each.name, "ports": _merged(map(_ports, each.egress))}
            for each in policies
            if each.egress is not None and not _has_terms(each.pods)
        ]
        return {
            "policies": [*(each.name for each in policies), *dict.fromkeys(each.name for each in cilium)],
            "ingressDenied": any(each.ingress == () and not _has_terms(each.pods) for each in policies)
            or any("ingress" in each.denies and not any(each.rules["ingress"]) for each in covering),
            "egressDenials": denials
            + [{"policy": each.name, "ports": each.ports("egress")} for each in covering if "egress" in each.denies],
            "admits": [self._entry(rule, each) for each in policies for rule in each.ingress or ()],
            "openWorkloads": [_called(one) for each in pods if not each.isolating("egress") for one in each.workloads],
            "worldPolicies": [
                *(
                    each.name
                    for each in policies
                    if any("world" in self._seen(each, rule).whom for rule in each.egress or ())
                ),
                *(each.name for each in cilium if any(map(reaches_world, each.rules["egress"]))),
            ],
            "hosts": exact,
            "hostPatterns": patterns,
            "registryOnly": self._registry_only(name),
            "unknown": doubts[0] if doubts else self._engine(name),
        }

    def _hosts(self, namespace: str, cilium: Iterable[CiliumPart]) -> tuple[list[str], list[str]]:
        """The host names that policies and, where the mesh lets nothing else out, ServiceEntries name; and patterns."""
        exact: dict[str, None] = {}
        patterns: dict[str, None] = {}
        for each in cilium:
            for rule in each.rules["egress"]:
                names, wide = named_hosts(rule)
                exact.update(dict.fromkeys(names))
                patterns.update(dict.fromkeys(wide))
        for entry in self.index.of_kind(_SERVICE_ENTRY) if self._registry_only(namespace) else ():
            shown = items(entry.body, "spec", "exportTo") or ["*"]
            if "*" in shown or namespace in shown or ("." in shown and entry.identity.namespace == namespace):
                for host in items(entry.body, "spec", "hosts"):
                    (patterns if "*" in str(host) else exact)[str(host)] = None
        return list(exact), list(patterns)

    def _registry_only(self, namespace: str) -> bool:
        """Whether a Sidecar lets all workloads of a namespace call only what the mesh knows."""
        return any(
            text(sidecar.body, "spec", "outboundTrafficPolicy", "mode") == "REGISTRY_ONLY"
            and not part(sidecar.body, "spec", "workloadSelector")
            for sidecar in self.index.in_namespace(_SIDECAR, namespace)
        )

    def _of_policy(self, obj: KubeObject, policy: Policy) -> dict[str, Any]:
        near = self._pods_near(policy.pods, (policy.namespace,))
        labels = self._labels.get(policy.namespace)
        rules, peers = [], []
        for way, name in zip(DIRECTIONS, ("from", "to"), strict=True):
            for rule, body in zip(policy.rules(way) or (), items(obj.body, "spec", way), strict=False):
                rules.append({"rule": body, **self._entry(rule, policy)})
                peers += (
                    [
                        {"peer": written, "pods": self._exist(peer, policy.namespace)}
                        for peer, written in zip(rule.peers, body[name], strict=True)
                        if peer.block is None
                    ]
                    if rule.peers
                    else []
                )
        return {
            "selected": sum(len(pods.workloads) for pods in near if selects(policy.pods, pods.labels)),
            "unseenPods": self._made.get(policy.namespace, ""),
            "namespaceLabels": labels or {},
            "namespaceSeen": labels is not None,
            "rules": rules,
            "peers": peers,
        }

    def _of_cilium(self, obj: KubeObject) -> dict[str, Any]:
        """What a policy that says that it denies nothing by default leaves open, by direction."""
        opened: dict[str, Any] = {way: [] for way in DIRECTIONS}
        doubts = []
        for each in parts_of(obj):
            chosen = [pods for pods in self._classes if self._selects(each, pods)]
            for way in sorted(each.kept_open):
                if self._covered(each, way):
                    continue
                alone = [_called(one) for pods in chosen if not pods.isolating(way) for one in pods.workloads]
                opened[way] += alone or ([] if chosen else [_NOTHING_SEEN])
                if not alone and self.index.world.complete is not True:
                    doubts.append("Pods that were not seen may be in no other policy")
                doubts += [reason for pods in chosen for reason in pods.doubts]
        return {"open": opened, "unknown": doubts[0] if doubts else ""}

    def _selects(self, each: CiliumPart, pods: _Pods) -> bool:
        return not pods.host and any(one.object is each.object and one.selector == each.selector for one in pods.cilium)

    def _covered(self, each: CiliumPart, way: Direction) -> bool:
        """Whether another policy denies by default for everything that a part selects, seen or not."""
        if each.namespace is not None and any(
            policy.rules(way) is not None and not _has_terms(policy.pods)
            for policy in self._policies.get(each.namespace, ())
        ):
            return True
        others = [*self._cilium.get(None, ()), *(self._cilium.get(each.namespace, ()) if each.namespace else ())]
        return any(
            way in other.denies
            and (not _has_terms(other.selector) or (other.namespace, other.selector) == (each.namespace, each.selector))
            for other in others
        )


class _Selectors:
    """Policies of one namespace, found by the labels of Pods without looking at all of them."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._always: list[tuple[int, Policy]] = []
        self._by_label: dict[tuple[str, str], list[tuple[int, Policy]]] = {}
        for entry in enumerate(policies):
            pair = next(iter(part(entry[1].pods, "matchLabels").items()), None)
            (self._always if pair is None else self._by_label.setdefault(pair, [])).append(entry)

    def of(self, labels: Mapping[str, str]) -> list[Policy]:
        """The policies that may select labels, in their order."""
        near = [*self._always, *(entry for pair in labels.items() for entry in self._by_label.get(pair, ()))]
        return [policy for _, policy in sorted(near, key=lambda entry: entry[0])]


def _about(cilium: Mapping[str | None, list[CiliumPart]], namespace: str) -> Iterator[CiliumPart]:
    """The parts of policies that can be about Pods of a namespace."""
    yield from cilium.get(None, ())
    yield from cilium.get(namespace, ())


def _canonical(selector: Mapping[str, Any]) -> str:
    return json.dumps(selector, sort_keys=True) if selector else ""


def _called(workload: Workload) -> str:
    return f"{workload.object.kind}/{workload.object.identity.name}"


def _has_terms(selector: Mapping[str, Any]) -> bool:
    return bool(part(selector, "matchLabels") or items(selector, "matchExpressions"))


def _chooses(selector: Mapping[str, Any]) -> bool:
    """Whether a selector names something that a Pod must have, and not only what it must not have."""
    wanted = (term for term in maps(selector, "matchExpressions") if term.get("operator") in ("In", "Exists"))
    return bool(part(selector, "matchLabels")) or any(wanted)


def _ports(rule: Rule) -> list[str]:
    return _EVERYTHING if rule.ports is None else list(dict.fromkeys(map(str, rule.ports)))


def _merged(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(entry for entries in lists for entry in entries))


def _admits_metadata_service(rule: Rule, namespace: str) -> bool:
    return rule.peers is None or any(
        meets(peer, namespace, address) is True for peer in rule.peers for address in _METADATA_SERVICE
    )


def _outline(rule: Rule, own: Mapping[str, Any]) -> dict[str, Any]:
    """What kinds of peers a rule of a policy for the Pods of a selector has."""
    peers = rule.peers or ()
    pods = [peer for peer in peers if peer.block is None]
    return {
        "everybody": rule.peers is None,
        "blocks": [str(peer.block.cidr) for peer in peers if peer.block is not None],
        "anyPods": any(not _chooses(peer.pods) for peer in pods),
        "members": bool(peers) and _chooses(own) and all(peer == Peer(own, None, None) for peer in peers),
    }
