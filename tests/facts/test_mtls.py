"""``facts.mtls``: one case for each row of its decision table (docs/facts/mtls.md), and a slow reference beside it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.engine.examples import judge_one
from assay.engine.load import load_library, read_examples
from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import World
from assay.model.verdicts import Verdict
from assay.redact import Masker
from assay.shipped import shipped
from tests.unit.test_facts import JSON
from tests.unit.test_verdicts import Nowhere

Body = dict[str, Any]
TABLE = Path(__file__).resolve().parents[2] / "docs/facts/mtls.md"
INJECT, DATAPLANE = "sidecar.istio.io/inject", "istio.io/dataplane-mode"
POLICY, LINKERD = "config.linkerd.io/default-inbound-policy", "linkerd.io/inject"


def found(bodies: Iterable[Body], complete: bool = True) -> Any:
    """The fact about the first object of a world."""
    objects = tuple(build_object(body, Nowhere(), "s", "shop", Masker()) for body in bodies)
    return Facts(World("w", "environment", "2026-01-01T00:00:00Z", complete, objects)).fact("mtls").of(objects[0])


def pod(labels: Body | None = None, notes: Body | None = None, namespace: str = "shop", **spec: Any) -> Body:
    metadata = {"name": "web", "namespace": namespace, "labels": {"app": "web", **(labels or {})}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "annotations": notes or {}}, "spec": spec}


def space(labels: Body | None = None, notes: Body | None = None, name: str = "shop") -> Body:
    metadata = {"name": name, "labels": labels or {}, "annotations": notes or {}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def made(kind: str, name: str, spec: Any, namespace: str = "shop", **metadata: Any) -> Body:
    """An object of a kind that is given as ``group/version/Kind``."""
    version, _, kind = kind.rpartition("/")
    whole = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": version, "kind": kind, "metadata": whole, "spec": spec}


def peer(name: str, mode: str | None, namespace: str = "shop", age: int = 0, **spec: Any) -> Body:
    times = {"creationTimestamp": f"20{age}-01-01T00:00:00Z"} if age else {}
    mtls = {} if mode is None else {"mtls": {"mode": mode}}
    return made("security.istio.io/v1/PeerAuthentication", name, {**mtls, **spec}, namespace, **times)


def chosen(app: str = "web") -> Body:
    return {"selector": {"matchLabels": {"app": app}}}


def settled(name: str, namespace: str = "istio-system", **data: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def service(name: str = "web", ports: Any = (), namespace: str = "shop") -> Body:
    return made("v1/Service", name, {"selector": {"app": "web"}, "ports": list(ports)}, namespace)


def rule(spec: Body, name: str = "r", namespace: str = "shop") -> Body:
    return made("networking.istio.io/v1/DestinationRule", name, spec, namespace)


def off(host: str, **more: Any) -> Body:
    return {"host": host, "trafficPolicy": {"tls": {"mode": "DISABLE"}}, **more}


ON = space({"istio-injection": "enabled"})
AMBIENT = space({DATAPLANE: "ambient"})
ROOT = settled("istio", mesh="rootNamespace: istio-system")
MESHED = space(notes={LINKERD: "enabled"})
PROXY = {"name": "istio-proxy", "args": ["proxy", "sidecar"]}
ROUTER = {"name": "istio-proxy", "args": ["proxy", "router"]}

PLANES: dict[str, tuple[str, list[Body]]] = {
    "network of the node": ("none", [pod(hostNetwork=True), ON]),
    "a proxy container with the role sidecar": ("sidecar", [pod(initContainers=[PROXY]), space()]),
    "a proxy container with another role": ("gateway", [pod(containers=[ROUTER]), ON]),
    "the annotation of the injector": ("sidecar", [pod(notes={"sidecar.istio.io/status": "{}"}), AMBIENT]),
    "a namespace of Kubernetes": (
        "none",
        [pod(namespace="kube-system"), space({"istio-injection": "enabled", DATAPLANE: "ambient"}, name="kube-system")],
    ),
    "the Pod's label says false": ("none", [pod({INJECT: "false"}), ON]),
    "the Pod's label goes before its annotation": ("sidecar", [pod({INJECT: "true"}, {INJECT: "false"}), ON]),
    "the Pod's annotation says false": ("none", [pod(notes={INJECT: "false"}), ON]),
    "istio-injection enabled": ("sidecar", [pod(), ON]),
    "istio-injection goes before the revision": (
        "none",
        [pod(), space({"istio-injection": "disabled", "istio.io/rev": "a"})],
    ),
    "istio-injection disabled beats the Pod's label": (
        "none",
        [pod({INJECT: "true"}), space({"istio-injection": "disabled"})],
    ),
    "the namespace names a revision": ("sidecar", [pod(), space({"istio.io/rev": "a"})]),
    "the Pod names a revision": ("sidecar", [pod({"istio.io/rev": "a"}), space()]),
    "the Pod's label alone": ("sidecar", [pod({INJECT: "true"}), space()]),
    "the Pod's annotation alone": ("none", [pod(notes={INJECT: "true"}), space()]),
    "the gateway template": ("gateway", [pod({INJECT: "true"}, {"inject.istio.io/templates": "gateway"}), space()]),
    "another template": ("unknown", [pod(notes={"inject.istio.io/templates": "grpc-agent"}), ON]),
    "the namespace is ambient": ("ambient", [pod(), AMBIENT]),
    "the Pod is ambient": ("ambient", [pod({DATAPLANE: "ambient"}), space()]),
    "the Pod leaves ambient mode": ("none", [pod({DATAPLANE: "none"}), AMBIENT]),
    "injection goes before ambient mode": (
        "sidecar",
        [pod(), space({"istio-injection": "enabled", DATAPLANE: "ambient"})],
    ),
    "no label at all": ("none", [pod(), space()]),
    "the Namespace was not seen": ("unknown", [pod({INJECT: "true"})]),
    "the Namespace was not seen, the Pod's label says false": ("unknown", [pod({INJECT: "false"})]),
    "the Namespace was not seen, the Pod leaves both": ("none", [pod({INJECT: "false", DATAPLANE: "none"})]),
    "two Namespaces contradict each other": ("unknown", [pod(), ON, space()]),
}

PERMISSIVE = {"*": "PERMISSIVE"}
# mode, open ports, and whether there may be more.
MODES: dict[str, tuple[tuple[str, Body, bool], list[Body]]] = {
    "no policy": (("PERMISSIVE", PERMISSIVE, False), [pod(), ON]),
    "a policy of the root namespace": (("STRICT", {}, False), [pod(), ON, ROOT, peer("a", "STRICT", "istio-system")]),
    "a policy of the namespace beats the root": (
        ("DISABLE", {"*": "DISABLE"}, False),
        [pod(), ON, ROOT, peer("a", "STRICT", "istio-system"), peer("b", "DISABLE")],
    ),
    "a policy of the workload beats the namespace": (
        ("STRICT", {}, False),
        [pod(), ON, peer("a", "DISABLE"), peer("b", "STRICT", **chosen())],
    ),
    "a policy of the workload for other Pods": (
        ("STRICT", {}, False),
        [pod(), ON, peer("a", "STRICT"), peer("b", "DISABLE", **chosen("other"))],
    ),
    "UNSET inherits": (
        ("STRICT", {}, False),
        [pod(), ON, peer("a", "STRICT"), peer("b", "UNSET", **chosen())],
    ),
    "UNSET everywhere": (
        ("PERMISSIVE", PERMISSIVE, False), [pod(), ON, ROOT, peer("a", "UNSET"), peer("b", None, "istio-system")],
    ),
    "a selector in the root namespace": (
        ("PERMISSIVE", PERMISSIVE, False),
        [pod(namespace="istio-system"), space({"istio-injection": "enabled"}, name="istio-system"), ROOT,
         peer("a", "STRICT", "istio-system", **chosen())],
    ),
    "a port that is excepted": (
        ("STRICT", {"80": "DISABLE"}, False),
        [pod(), ON, peer("a", "STRICT", **chosen(), portLevelMtls={"80": {"mode": "DISABLE"}})],
    ),
    "a port that is UNSET": (
        ("STRICT", {}, False),
        [pod(), ON, peer("a", "STRICT", **chosen(), portLevelMtls={"80": {"mode": "UNSET"}})],
    ),
    "ports without a selector": (
        ("STRICT", {}, False),
        [pod(), ON, peer("a", "STRICT", portLevelMtls={"80": {"mode": "DISABLE"}})],
    ),
    "an older policy of one level": (
        ("PERMISSIVE", PERMISSIVE, False),
        [pod(), ON, peer("a", "STRICT", age=25), peer("b", "PERMISSIVE", age=24)],
    ),
    "files say nothing of age": (
        ("PERMISSIVE or STRICT", {}, True),
        [pod(), ON, peer("a", "STRICT", age=25), peer("b", "PERMISSIVE")],
    ),
    "two of one age": (
        ("PERMISSIVE or STRICT", {}, True),
        [pod(), ON, peer("a", "STRICT", age=24), peer("b", "PERMISSIVE", age=24), peer("c", "STRICT", age=25)],
    ),
    "two of unknown age that agree": (("STRICT", {}, False), [pod(), ON, peer("a", "STRICT"), peer("b", "STRICT")]),
    "two of unknown age that are both open": (
        ("DISABLE or PERMISSIVE", {"*": "DISABLE or PERMISSIVE"}, False),
        [pod(), ON, peer("a", "DISABLE"), peer("b", "PERMISSIVE")],
    ),
    "the mesh configuration names the root": (
        ("STRICT", {}, False),
        [pod(), ON, settled("istio-a", mesh="rootNamespace: base"), peer("a", "STRICT", "base"),
         peer("b", "DISABLE", "istio-system")],
    ),
    "the mesh configuration was not seen": (
        ("PERMISSIVE or STRICT", {}, True),
        [pod(), ON, peer("a", "STRICT", "istio-system")],
    ),
    "the root was not seen and asks for nothing": (
        ("PERMISSIVE", PERMISSIVE, False),
        [pod(), ON, peer("a", "STRICT", "other")],
    ),
    "two configurations name two roots": (
        ("PERMISSIVE or STRICT", {}, True),
        [pod(), ON, ROOT, settled("istio-a", mesh="rootNamespace: base"), peer("a", "STRICT", "base")],
    ),
    "DISABLE in ambient mode": (("DISABLE", {}, True), [pod(), AMBIENT, peer("a", "DISABLE")]),
    "PERMISSIVE in ambient mode": (("PERMISSIVE", PERMISSIVE, False), [pod(), AMBIENT, peer("a", "PERMISSIVE")]),
    "a policy that cannot be read": (("unknown", {}, True), [pod(), ON, peer("a", "strict")]),
}  # fmt: skip

PORTS = "traffic.sidecar.istio.io/"
NOT = "not captured"
BYPASSES: dict[str, tuple[tuple[Body, bool], list[Body]]] = {
    "an excluded port": (({"80": NOT}, False), [pod(notes={f"{PORTS}excludeInboundPorts": "80"}), ON]),
    "a port of the proxy itself": (({}, False), [pod(notes={f"{PORTS}excludeInboundPorts": "15020, 15090"}), ON]),
    "ports beside the included ones": (
        ({"81": NOT}, False),
        [pod(notes={f"{PORTS}includeInboundPorts": "80"},
             containers=[{"ports": [{"containerPort": 80}, {"containerPort": 81}]}]), ON],
    ),
    "the port of a Service beside the included ones": (
        ({"82": NOT}, False),
        [pod(notes={f"{PORTS}includeInboundPorts": "80"}), ON, service(ports=[{"port": 8, "targetPort": 82}])],
    ),
    "included ports and no others known": (
        ({}, True),
        [pod(notes={f"{PORTS}includeInboundPorts": "80"}, containers=[{"ports": [{"containerPort": 80}]}]), ON],
    ),
    "no port is included": (({"*": NOT}, False), [pod(notes={f"{PORTS}includeInboundPorts": ""}), ON]),
    "no interception": (({"*": NOT}, False), [pod(notes={"sidecar.istio.io/interceptionMode": "NONE"}), ON]),
    "ambient bypass": (({"*": NOT}, False), [pod(notes={"ambient.istio.io/bypass-inbound-capture": "true"}), AMBIENT]),
    "sidecar annotations in ambient mode": (({}, False), [pod(notes={f"{PORTS}excludeInboundPorts": "80"}), AMBIENT]),
}  # fmt: skip

FULL = "web.shop.svc.cluster.local"
CLIENTS: dict[str, tuple[list[tuple[str, ...]], Body]] = {
    "DISABLE for a short host": ([("trafficPolicy", "DISABLE", "every namespace")], rule(off("web"))),
    "a full host from a third namespace": (
        [("trafficPolicy", "DISABLE", "namespace cart")],
        rule(off(FULL), namespace="cart"),
    ),
    "exported to its own namespace": (
        [("trafficPolicy", "DISABLE", "namespace shop")],
        rule(off("web", exportTo=["."])),
    ),
    "exported to some namespaces": (
        [("trafficPolicy", "DISABLE", "namespaces shop, cart")],
        rule(off("web", exportTo=[".", "cart"])),
    ),
    "a wildcard of the root namespace": (
        [("trafficPolicy", "DISABLE", "every namespace")],
        rule(off("*.shop.svc.cluster.local"), namespace="istio-system"),
    ),
    "a port and a subset": (
        [("trafficPolicy, port 80", "SIMPLE", "every namespace"), ("subset v1", "DISABLE", "every namespace")],
        rule({
            "host": FULL,
            "trafficPolicy": {
                "tls": {"mode": "ISTIO_MUTUAL"},
                "portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "SIMPLE"}}],
            },
            "subsets": [{"name": "v1", "trafficPolicy": {"tls": {}}}],
        }),
    ),
    "ISTIO_MUTUAL, or no tls": (
        [],
        rule({"host": "web", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}, "subsets": [{"name": "v1"}]}),
    ),
    "another host": ([], rule(off("shop.web"))),
}  # fmt: skip

# injected, policy, whether mutual TLS is required
PROXIES: dict[str, tuple[tuple[str, str, str], list[Body]]] = {
    "the namespace asks for it": (("yes", "", "unknown"), [pod(), MESHED]),
    "the Pod opts out": (("no", "", "no"), [pod(notes={LINKERD: "disabled"}), MESHED]),
    "the Pod asks where the namespace does not": (
        ("yes", "", "unknown"),
        [pod(notes={LINKERD: "ingress"}), space(notes={LINKERD: "disabled"})],
    ),
    "a value that the injector does not know": (
        ("no", "", "no"),
        [pod(notes={LINKERD: "enabled"}), space(notes={LINKERD: "true"})],
    ),
    "the network of the node": (("no", "", "no"), [pod(hostNetwork=True), MESHED]),
    "webhooks switched off for the namespace": (
        ("no", "", "no"),
        [pod(), space({"config.linkerd.io/admission-webhooks": "disabled"}, {LINKERD: "enabled"})],
    ),
    "a proxy that is there already": (("yes", "", "unknown"), [pod(containers=[{"name": "linkerd-proxy"}]), space()]),
    "the Namespace was not seen": (("unknown", "", "unknown"), [pod()]),
    "the policy of the Pod beats the namespace's": (
        ("yes", "deny", "yes"),
        [pod(notes={POLICY: "deny"}), space(notes={LINKERD: "enabled", POLICY: "audit"})],
    ),
    "the policy of the namespace": (
        ("yes", "audit", "no"),
        [pod(), space(notes={LINKERD: "enabled", POLICY: "audit"})],
    ),
    "the policy of the installation": (
        ("yes", "all-authenticated", "yes"),
        [pod(), MESHED, settled("linkerd-config", values="proxy: {defaultInboundPolicy: all-authenticated}")],
    ),
    "the installation names none": (
        ("yes", "all-unauthenticated", "no"),
        [pod(), MESHED, settled("linkerd-config", values="proxy: {}")],
    ),
    "the installation was not seen": (("yes", "", "unknown"), [pod(), MESHED]),
    "a policy that Linkerd does not know": (("yes", "", "unknown"), [pod(notes={POLICY: "all"}), MESHED]),
    "a port that is skipped": (
        ("yes", "deny", "no"),
        [pod(notes={POLICY: "deny", "config.linkerd.io/skip-inbound-ports": "25"}), MESHED],
    ),
    "a Server selects the Pods": (
        ("yes", "deny", "unknown"),
        [pod(notes={POLICY: "deny"}), MESHED,
         made("policy.linkerd.io/v1beta3/Server", "s", {"podSelector": {"matchLabels": {"app": "web"}}, "port": 1})],
    ),
}  # fmt: skip


def authorised(*references: Body) -> Body:
    spec = {"targetRef": {"kind": "Server", "name": "web"}, "requiredAuthenticationRefs": list(references)}
    return made("policy.linkerd.io/v1alpha1/AuthorizationPolicy", "web", spec)


def network(*ranges: str, namespace: str = "shop") -> Body:
    spec = {"networks": [{"cidr": cidr} for cidr in ranges]}
    return made("policy.linkerd.io/v1alpha1/NetworkAuthentication", "net", spec, namespace)


NET = {"group": "policy.linkerd.io", "kind": "NetworkAuthentication", "name": "net"}
IDENTITY = {"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": "web"}
# anyone, and whether that is unknown
LET_IN: dict[str, tuple[tuple[bool, bool], list[Body]]] = {
    "no authentication is required": ((True, False), [authorised()]),
    "all addresses alone": ((True, False), [authorised(NET), network("10.0.0.0/8", "::/0")]),
    "all addresses in two halves": ((True, False), [authorised(NET), network("0.0.0.0/1", "128.0.0.0/1")]),
    "all addresses and an identity": ((False, False), [authorised(NET, IDENTITY), network("0.0.0.0/0")]),
    "some addresses": ((False, False), [authorised(NET), network("10.0.0.0/8")]),
    "addresses that were not seen": ((False, True), [authorised(NET)]),
    "addresses of another namespace": (
        (True, False),
        [authorised({**NET, "namespace": "nets"}), network("0.0.0.0/0", namespace="nets"), network("10.0.0.0/8")],
    ),
}
CILIUM: dict[str, tuple[str, list[Body]]] = {
    "WireGuard": ("wireguard", [settled("cilium-config", **{"enable-wireguard": "true"})]),
    "IPsec": ("ipsec", [settled("cilium-config", **{"enable-ipsec": "true", "enable-wireguard": "false"})]),
    "neither": ("none", [settled("cilium-config")]),
    "no settings seen": ("unknown", []),
}


def denying(spec: Any, namespace: str = "shop", **metadata: Any) -> Body:
    return made("security.istio.io/v1/AuthorizationPolicy", f"p{len(str(spec))}", spec, namespace, **metadata)


def sidecar(spec: Body, namespace: str = "shop") -> Body:
    return made("networking.istio.io/v1/Sidecar", "s", spec, namespace)


def telemetry(*entries: Body, namespace: str = "shop", **spec: Any) -> Body:
    return made("telemetry.istio.io/v1/Telemetry", "t", {"accessLogging": list(entries), **spec}, namespace)


ONLY = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
ENVOY = {"providers": [{"name": "envoy"}]}
CONFIG = settled("istio", mesh="{accessLogFile: /dev/stdout, outboundTrafficPolicy: {mode: REGISTRY_ONLY}}")
# By row: what is asked of the fact about a Namespace, the answer, and what else is in the world.
NAMESPACES: dict[str, tuple[str, Any, list[Body]]] = {
    "a policy that allows nothing": ("denied", "yes", [denying({})]),
    "DENY without rules, a selector, a target, a dry run": (
        "denied",
        "no",
        [
            denying({"action": "DENY"}),
            denying({"rules": [{}]}),
            denying({"selector": {"matchLabels": {"app": "web"}}}),
            denying({"targetRefs": [{"kind": "Gateway", "name": "waypoint"}]}),
            denying({}, annotations={"istio.io/dry-run": "true"}),
            denying({}, namespace="cart"),
        ],
    ),
    "such a policy in a root that was not seen": ("denied", "unknown", [denying({}, namespace="istio-system")]),
    "a Sidecar of the namespace": ("egress", "REGISTRY_ONLY", [sidecar(ONLY), ROOT]),
    "a Sidecar of the namespace without a mode": (
        "egress",
        "ALLOW_ANY",
        [sidecar({"egress": []}), sidecar(ONLY, "istio-system"), ROOT],
    ),
    "a Sidecar of the root namespace": ("egress", "REGISTRY_ONLY", [sidecar(ONLY, "istio-system"), ROOT]),
    "an empty outboundTrafficPolicy of a Sidecar": (
        "egress",
        "REGISTRY_ONLY",
        [sidecar({"outboundTrafficPolicy": {}}), ROOT],
    ),
    "a Telemetry of the root namespace": (
        "logs",
        "no",
        [CONFIG, telemetry({"disabled": True}, namespace="istio-system")],
    ),
    "a Telemetry without providers": (
        "off",
        ["shop/t"],
        [CONFIG, telemetry({"filter": {"expression": "response.code > 499"}})],
    ),
    "a Telemetry for clients alone": ("off", [], [CONFIG, telemetry({"disabled": True, "match": {"mode": "CLIENT"}})]),
}


def secured(name: str, section: str = "", **validation: Any) -> Body:
    target = {"group": "", "kind": "Service", "name": "web", **({"sectionName": section} if section else {})}
    spec = {"targetRefs": [target], "validation": {"hostname": "web", **validation}}
    return made("gateway.networking.k8s.io/v1/BackendTLSPolicy", name, spec)


ROUTE = made("gateway.networking.k8s.io/v1/HTTPRoute", "r", {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]})
BEHIND = service(ports=[{"name": "http", "port": 80}])
SYSTEM = {"wellKnownCACertificates": "System"}
BACKENDS: dict[str, tuple[str, list[Body]]] = {
    "a policy with host name and authorities": ("yes", [BEHIND, secured("p", **SYSTEM)]),
    "a policy without authorities": ("no", [BEHIND, secured("p")]),
    "a policy for the port beats one for the Service": ("yes", [BEHIND, secured("p", "http", **SYSTEM), secured("q")]),
    "two policies that differ": ("unknown", [BEHIND, secured("p", **SYSTEM), secured("q")]),
    "every workload demands mutual TLS": ("yes", [BEHIND, pod(), ON, peer("a", "STRICT")]),
    "one workload does not": (
        "no",
        [BEHIND, pod(), {**pod({INJECT: "false"}), "metadata": {**pod({INJECT: "false"})["metadata"], "name": "b"}}, ON,
         peer("a", "STRICT")],
    ),
}  # fmt: skip


def cases(rows: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("expected", "world"), list(rows.values()), ids=list(rows))


def test_every_row_of_the_table_is_a_case() -> None:
    text = TABLE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!-)([^|]+) \|[^|]+\|[^|\n]+\|$", text[text.index("## What decides") :], re.MULTILINE)
    headings = {
        "in Istio's mesh", "mode", "around the proxy", "DestinationRules", "Linkerd", "Cilium", "namespaces",
        "whom Linkerd's AuthorizationPolicy lets in", "Services behind a route",
    }  # fmt: skip
    tested = [*PLANES, *MODES, *BYPASSES, *CLIENTS, *PROXIES, *LET_IN, *CILIUM, *NAMESPACES, *BACKENDS]
    assert [row for row in rows if row not in headings] == tested


@cases(PLANES)
def test_plane(expected: str, world: list[Body]) -> None:
    istio = found(world)["istio"]
    assert istio["dataplane"] == expected
    assert bool(istio["unknown"]) == (expected == "unknown")


@cases(MODES)
def test_mode(expected: tuple[str, Body, bool], world: list[Body]) -> None:
    istio = found(world)["istio"]
    assert (istio["mode"], istio["open"], bool(istio["unknown"])) == expected


@cases(BYPASSES)
def test_around_the_proxy(expected: tuple[Body, bool], world: list[Body]) -> None:
    istio = found([*world, peer("a", "STRICT")])["istio"]
    assert (istio["open"], bool(istio["unknown"])) == expected


@cases({row: (expected, [pod(), ON, service(), made]) for row, (expected, made) in CLIENTS.items()})
def test_destination_rules(expected: list[tuple[str, ...]], world: list[Body]) -> None:
    clients = found(world)["istio"]["clients"]
    assert [(client["where"], client["mode"], client["clients"]) for client in clients] == expected


@cases(PROXIES)
def test_linkerd(expected: tuple[str, str, str], world: list[Body]) -> None:
    answer = found(world)
    assert (answer["linkerd"]["injected"], answer["linkerd"]["policy"], answer["required"]) == expected
    assert bool(answer["linkerd"]["unknown"]) == (expected[0] != "no" and expected[1] == "")


@cases(LET_IN)
def test_whom_linkerd_lets_in(expected: tuple[bool, bool], world: list[Body]) -> None:
    clients = found(world)["clients"]
    assert (clients["anyone"], bool(clients["unknown"])) == expected


@cases({row: (expected, [pod(), *world]) for row, (expected, world) in CILIUM.items()})
def test_cilium(expected: str, world: list[Body]) -> None:
    cilium = found(world)["cilium"]
    assert cilium["encryption"] == expected
    assert bool(cilium["unknown"]) == (expected == "unknown")


@pytest.mark.parametrize(("asked", "expected", "world"), list(NAMESPACES.values()), ids=list(NAMESPACES))
def test_namespace(asked: str, expected: Any, world: list[Body]) -> None:
    answer = found([ON, *world])
    got = {
        "denied": answer["denied"],
        "egress": answer["egress"]["mode"],
        "logs": answer["logs"]["mesh"],
        "off": answer["logs"]["off"],
    }
    assert got[asked] == expected


@cases(BACKENDS)
def test_backend(expected: str, world: list[Body]) -> None:
    [backend] = found([ROUTE, *world])["backends"].values()
    assert backend["protected"] == expected
    assert bool(backend["unknown"]) == (expected == "unknown")


def test_a_service_without_pods_is_unknown_unless_everything_was_seen() -> None:
    assert [found([ROUTE, BEHIND], complete)["backends"]["/web:80"]["protected"] for complete in (True, False)] == [
        "no",
        "unknown",
    ]


def test_the_mesh_configuration_of_each_revision() -> None:
    assert found([CONFIG])["egress"] == "REGISTRY_ONLY"
    assert found([settled("istio-a", mesh="")])["egress"] == "ALLOW_ANY"
    assert found([settled("istio-a", mesh="[]")])["unknown"] != ""
    assert found([settled("istio-a", other="x")]) == {"meshConfig": False}
    assert found([settled("settings", mesh="a: b")]) == {"meshConfig": False}


def test_automatic_mutual_tls_of_clients() -> None:
    assert found([pod(), ON])["istio"]["autoMtls"] is None
    assert found([pod(), ON, ROOT])["istio"]["autoMtls"] is True
    assert found([pod(), ON, settled("istio", mesh="enableAutoMtls: false")])["istio"]["autoMtls"] is False


def test_a_selector_asks_for_all_of_its_labels() -> None:
    both: Body = {"selector": {"matchLabels": {"app": "web", "tier": "front"}}}
    world = [ON, peer("a", "STRICT", **both)]
    assert [found([pod(labels), *world])["istio"]["mode"] for labels in ({}, {"tier": "back"}, {"tier": "front"})] == [
        "PERMISSIVE",
        "PERMISSIVE",
        "STRICT",
    ]


def test_policies_that_contradict_each_other_have_no_order() -> None:
    """Two sources state one policy in two ways: the older time says nothing of which is in the cluster."""
    istio = found([pod(), ON, peer("a", "STRICT", age=24), peer("a", "PERMISSIVE", age=25)])["istio"]
    assert (istio["open"], "oldest" in istio["unknown"]) == ({}, True)


def test_a_namespace_that_may_be_the_root_is_not_known() -> None:
    roots = [ROOT, settled("istio-a", mesh="rootNamespace: shop")]
    istio = found([pod(), ON, *roots, peer("a", "DISABLE", **chosen())])["istio"]
    assert (istio["mode"], istio["open"], bool(istio["unknown"])) == ("unknown", {}, True)


# ---------------------------------------------------------------------- a slow reference, written from the table

UNSEEN: list[Body] = [{}, {"istio-injection": "enabled"}, {"istio-injection": "disabled"}, {DATAPLANE: "ambient"}]
"""What the labels of a namespace may be that was not seen."""

MODE = st.sampled_from([None, "UNSET", "STRICT", "PERMISSIVE", "DISABLE"])
FLAG = st.sampled_from([None, "true", "false"])
EVERY = {"*", "80", "81"}
PLACES = ("shop", "istio-system", "base")


@st.composite
def peers(draw: st.DrawFn) -> list[Body]:
    bodies = []
    for number in range(draw(st.integers(0, 4))):
        selecting = draw(st.sampled_from([None, "web", "other"]))
        spec = chosen(selecting) if selecting else {}
        if draw(st.booleans()):
            spec["portLevelMtls"] = {
                port: {} if (mode := draw(MODE)) is None else {"mode": mode}
                for port in draw(st.sets(st.sampled_from(["80", "81"]), min_size=1))
            }
        age = draw(st.sampled_from([0, 23, 24, 25]))
        bodies.append(peer(f"p{number}", draw(MODE), draw(st.sampled_from(PLACES)), age, **spec))
    return bodies


@st.composite
def worlds(draw: st.DrawFn) -> list[Body]:
    def some(names: dict[str, Any]) -> Body:
        return {name: value for name, values in names.items() if (value := draw(values)) is not None}

    labels = some(
        {
            "istio-injection": st.sampled_from([None, "enabled", "disabled"]),
            "istio.io/rev": st.sampled_from([None, None, "a"]),
            DATAPLANE: st.sampled_from([None, "ambient"]),
        }
    )
    own = some(
        {
            INJECT: FLAG,
            DATAPLANE: st.sampled_from([None, None, "ambient", "none"]),
            "istio.io/rev": st.sampled_from([None, None, "a"]),
        }
    )
    notes = some({INJECT: FLAG, f"{PORTS}excludeInboundPorts": st.sampled_from([None, None, "80", "15020"])})
    namespace = draw(st.sampled_from(["shop", "shop", "shop", "istio-system"]))
    world = [pod(own, notes, namespace, **({"hostNetwork": True} if draw(st.integers(0, 9)) == 0 else {}))]
    if draw(st.integers(0, 5)):
        world.append(space(labels, name=namespace))
    world += [
        settled(f"istio{n}", mesh=f"rootNamespace: {root}")
        for n, root in draw(
            st.sampled_from([[], [("", "istio-system")], [("", "base")], [("", "base"), ("-a", "base")]])
        )
    ]
    return world + draw(peers())


def reference(world: list[Body]) -> tuple[str, set[str], set[str]]:
    """The plane, the ports that are open in every possible world, and those open in some, by brute force."""
    subject, others = world[0], world[1:]
    labels, notes = subject["metadata"]["labels"], subject["metadata"]["annotations"]
    namespace = subject["metadata"]["namespace"]
    spaces = [body for body in others if body["kind"] == "Namespace"]
    plane = reference_plane(labels, notes, spaces[0]["metadata"]["labels"] if spaces else None, subject["spec"])
    if plane in ("none", "unknown"):
        return plane, set(), set()
    roots = {c["data"]["mesh"].split()[-1] for c in others if c["kind"] == "ConfigMap"}
    certain_root = roots.pop() if roots else None
    policies = [body for body in others if body["kind"] == "PeerAuthentication"]
    # Without the mesh configuration the root is the default, or one of which nothing was seen.
    hypotheses = (
        [certain_root] if certain_root else ["istio-system", "" if namespace != "istio-system" else "istio-system"]
    )
    outcomes = [
        outcome
        for root in hypotheses
        for order in orders(policies)
        for outcome in outcomes_of(order, root, namespace, labels, plane)
    ]
    excluded = notes.get(f"{PORTS}excludeInboundPorts") if plane == "sidecar" else None
    extra = {excluded} if excluded in EVERY else set()
    return plane, set.intersection(*outcomes) | extra, set.union(*outcomes) | extra


def orders(policies: list[Body]) -> list[list[Body]]:
    """Every order in which policies can have been made."""

    def time(body: Body) -> str:
        return str(body["metadata"].get("creationTimestamp", ""))

    def possible(order: tuple[Body, ...]) -> bool:
        # Where a level has a policy of unknown age, nothing is said of the others either.
        for place in PLACES:
            for selecting in (None, "web", "other"):
                level = [body for body in order if level_of(body) == (place, selecting)]
                times = [time(body) for body in level]
                if all(times) and times.count(min(times, default="")) == 1 and times[0] != min(times):
                    return False
        return True

    return [list(order) for order in itertools.permutations(policies) if possible(order)]


def level_of(body: Body) -> tuple[str, str | None]:
    return body["metadata"]["namespace"], body["spec"].get("selector", {}).get("matchLabels", {}).get("app")


def outcomes_of(order: list[Body], root: str, namespace: str, labels: Body, plane: str) -> list[set[str]]:
    """The open ports if the policies were made in an order; in ambient mode DISABLE may mean either."""
    mode = "PERMISSIVE"
    ports: Body = {}
    for place, selecting in ((root, None), (namespace, None), (namespace, labels["app"])):
        if namespace == root and (place, selecting) != (root, None):
            continue
        level = [body for body in order if level_of(body) == (place, selecting)]
        if level:
            spec = level[0]["spec"]
            mode = asked if (asked := spec.get("mtls", {}).get("mode", "UNSET")) != "UNSET" else mode
            ports = spec.get("portLevelMtls", {}) if selecting else {}
    every = {port: ports.get(port, {}).get("mode", "UNSET") for port in EVERY}
    every = {port: mode if own == "UNSET" else own for port, own in every.items()}
    closed = {port for port, own in every.items() if own == "STRICT"}
    doubtful = {port for port, own in every.items() if own == "DISABLE" and plane == "ambient"}
    return [EVERY - closed, EVERY - closed - doubtful]


def reference_plane(labels: Body, notes: Body, above: Body | None, spec: Body) -> str:
    if spec.get("hostNetwork"):
        return "none"
    planes = {plane_with(labels, notes, known) for known in ([above] if above is not None else UNSEEN)}
    return planes.pop() if len(planes) == 1 else "unknown"


def plane_with(labels: Body, notes: Body, above: Body) -> str:
    webhooks = [
        above.get("istio-injection") == "enabled",
        "istio-injection" not in above and bool(above.get("istio.io/rev")),
        not {"istio-injection", "istio.io/rev"} & above.keys() and bool(labels.get("istio.io/rev")),
        not {"istio-injection", "istio.io/rev"} & above.keys()
        and labels.get(INJECT) == "true" and "istio.io/rev" not in labels,
    ]  # fmt: skip
    if any(webhooks) and labels.get(INJECT) != "false" and labels.get(INJECT, notes.get(INJECT)) != "false":
        return "sidecar"
    return "ambient" if labels.get(DATAPLANE, above.get(DATAPLANE)) == "ambient" else "none"


@given(worlds())
@settings(max_examples=800, deadline=None)
def test_the_reference_agrees(world: list[Body]) -> None:
    plane, certain, possible = reference(world)
    istio = found(world)["istio"]
    assert istio["dataplane"] == plane
    is_open = {port for port in EVERY if port in istio["open"] or (port not in istio["ports"] and "*" in istio["open"])}
    assert is_open == certain
    assert bool(istio["unknown"]) == (plane == "unknown" or certain != possible)


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_a_namespace_that_was_not_seen_demands_nothing(world: list[Body]) -> None:
    """Only a Pod that asks for ambient mode by itself is in a mesh for certain then."""
    answer = found(body for body in world if body["kind"] != "Namespace")
    ambient = answer["istio"]["dataplane"] == "ambient"
    assert answer["mesh"] == "istio-ambient" if ambient else answer["mesh"] in ("unknown", "none")
    assert ambient or answer["required"] != "yes"


RULES = (
    "istio-mtls-strict", "istio-authorization-default-deny", "istio-injection-enabled", "linkerd-injection-enabled",
    "linkerd-default-inbound-authenticated", "linkerd-server-not-open", "gateway-backend-tls",
    "istio-egress-registry-only", "istio-access-log-enabled",
)  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_what_decides_and_was_not_seen_never_turns_a_verdict(name: str) -> None:
    """Each object of each example is taken away in turn, and the world is no longer said to be complete."""
    rule = load_library(shipped("policies")).rules[name]
    examples = read_examples(rule.file)
    turned, assessed = [], 0
    for verdict, opposite in ((Verdict.PASS, Verdict.FAIL), (Verdict.FAIL, Verdict.PASS)):
        for example in examples[verdict]:
            others = example.get("with", [])
            for left_out in range(len(others)):
                rest = tuple(others[:left_out] + others[left_out + 1 :])
                got = judge_one(rule, example["object"], rest, params=example.get("params"), complete=False)[0]
                turned += [example["name"]] if got is opposite else []
                assessed += got is Verdict.NOT_ASSESSED
    assert turned == []
    assert assessed, "at least one object decides"


SHAPES = ("security.istio.io/v1/PeerAuthentication", "networking.istio.io/v1/DestinationRule", "v1/Service",
          "networking.istio.io/v1/Sidecar", "telemetry.istio.io/v1/Telemetry", "policy.linkerd.io/v1beta3/Server",
          "security.istio.io/v1/AuthorizationPolicy", "policy.linkerd.io/v1alpha1/NetworkAuthentication",
          "policy.linkerd.io/v1alpha1/AuthorizationPolicy", "gateway.networking.k8s.io/v1/HTTPRoute",
          "gateway.networking.k8s.io/v1/BackendTLSPolicy")  # fmt: skip


@given(JSON, JSON, JSON)
@settings(deadline=None)
def test_objects_of_any_shape_break_nothing(first: Any, second: Any, third: Any) -> None:
    metadata = {"name": "web", "namespace": "shop"}
    odd = {"labels": second, "annotations": third}
    bodies = [
        *(made(kind, "net", first) for kind in SHAPES),
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **odd}, "spec": first},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": first, "initContainers": [second]},
        },
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", **odd}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "a"},
            "data": {"mesh": first},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "linkerd-config", "namespace": "a"},
            "data": second,
        },
    ]
    objects = tuple(build_object(body, Nowhere(), "s", "shop", Masker()) for body in bodies)
    fact = Facts(World("w", "environment", "2026-01-01T00:00:00Z", True, objects)).fact("mtls")
    answers = [fact.of(obj) for obj in objects]
    assert all(isinstance(answer, (dict, str)) for answer in answers)
    assert len(fact.table().rows) == 2
