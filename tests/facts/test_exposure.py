"""``facts.exposure``: one case for each row of its decision table (docs/facts/exposure.md), and a slow reference.

The reference is written from the table. It shares no code with the module, looks at every pair, and has to agree on
generated worlds.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import KubeObject, World
from assay.redact import Masker
from tests.conftest import ROOT
from tests.unit.test_facts import JSON
from tests.unit.test_verdicts import Nowhere

API = "gateway.networking.k8s.io/v1"
NGINX = "nginx.ingress.kubernetes.io/"
BETA = "service.beta.kubernetes.io/"
Body = dict[str, Any]


def built(body: Body) -> KubeObject:
    return build_object(body, Nowhere(), "s", "", Masker())


def world_of(bodies: list[Body], complete: bool = True) -> tuple[Facts, tuple[KubeObject, ...]]:
    objects = tuple(map(built, bodies))
    return Facts(World("w", "environment", "", complete, objects)), objects


def fact_of(bodies: list[Body], complete: bool = True) -> Body:
    """The fact about the first of the objects."""
    facts, objects = world_of(bodies, complete)
    found = facts.fact("exposure").of(objects[0])
    assert isinstance(found, dict)
    return found


def made(api: str, kind: str, name: str, namespace: str, spec: Any, **notes: str) -> Body:
    metadata: Body = {"name": name, "namespace": namespace}
    if notes:
        metadata["annotations"] = notes
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def pod(*, image: str = "example.com/app:1", namespace: str = "shop", labels: Body | None = None, **spec: Any) -> Body:
    body = made("v1", "Pod", "app", namespace, {"containers": [{"name": "app", "image": image}], **spec})
    body["metadata"]["labels"] = {"app": "app"} if labels is None else labels
    return body


def service(name: str = "app", namespace: str = "shop", notes: Body | None = None, **spec: Any) -> Body:
    ports = [{"name": "http", "port": 80}]
    return made("v1", "Service", name, namespace, {"selector": {"app": "app"}, "ports": ports, **spec}, **(notes or {}))


def ingress(notes: Body | None = None, namespace: str = "shop", host: str = "a.example.com", **spec: Any) -> Body:
    path = {"path": "/", "backend": {"service": {"name": "app", "port": {"number": 80}}}}
    rule = {"host": host, "http": {"paths": [path]}} if host else {"http": {"paths": [path]}}
    spec = {"ingressClassName": "nginx", "rules": [rule], **spec}
    return made("networking.k8s.io/v1", "Ingress", "way", namespace, spec, **(notes or {}))


def gateway(*listeners: Body, namespace: str = "shop", notes: Body | None = None, **spec: Any) -> Body:
    spec = {"gatewayClassName": "envoy", "listeners": list(listeners), **spec}
    return made(API, "Gateway", "edge", namespace, spec, **(notes or {}))


def route(
    *rules: Body, kind: str = "HTTPRoute", namespace: str = "shop", parent: Body | None = None, **spec: Any
) -> Body:
    parents = [{"name": "edge", **(parent or {})}]
    wanted = list(rules) or [{"backendRefs": [{"name": "app", "port": 80}]}]
    return made(API, kind, "way", namespace, {"parentRefs": parents, "rules": wanted, **spec})


def istio(kind: str, spec: Body, namespace: str = "shop") -> Body:
    return made("networking.istio.io/v1", kind, "edge" if kind == "Gateway" else "way", namespace, spec)


HTTP = {"name": "http", "port": 80, "protocol": "HTTP"}
HTTPS = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "c"}]}}
TLS = {"name": "tls", "port": 8443, "protocol": "TLS", "tls": {"mode": "Passthrough"}}
FROM_ALL = {"allowedRoutes": {"namespaces": {"from": "All"}}}
FROM_LABELLED = {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}
MIRROR = {"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "app", "port": 80}}}]}
BACKEND_TLS = {"targetRefs": [{"group": "", "kind": "Service", "name": "app"}]}
REDIRECT = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
COVERED = [{"hosts": ["a.example.com"], "secretName": "c"}]
VIRTUAL = {
    "hosts": ["a.example.com"],
    "gateways": ["edge"],
    "http": [{"route": [{"destination": {"host": "app"}}]}],
}


def server(protocol: str, **more: Any) -> Body:
    return {"servers": [{"port": {"number": 443, "protocol": protocol}, "hosts": ["*"], **more}]}


# The last way of a Pod: (row of the table, other objects, what is said of it); None where there is no way at all.
WAYS: list[tuple[str, list[Body], Body | None]] = [
    ("Service: ClusterIP", [service()], {"scope": "cluster"}),
    ("Service: NodePort", [service(type="NodePort")], {"scope": "node"}),
    ("Service: LoadBalancer", [service(type="LoadBalancer")], {"scope": "public"}),
    (
        "Service: LoadBalancer that a cloud keeps internal",
        [service(notes={f"{BETA}azure-load-balancer-internal": "true"}, type="LoadBalancer")],
        {"scope": "internal"},
    ),
    (
        "Service: the controller of AWS",
        [service(loadBalancerClass="service.k8s.aws/nlb", type="LoadBalancer")],
        {"scope": "internal"},
    ),
    (
        "Service: the controller of AWS, internet-facing",
        [
            service(
                notes={f"{BETA}aws-load-balancer-scheme": "internet-facing"},
                loadBalancerClass="service.k8s.aws/nlb",
                type="LoadBalancer",
            )
        ],
        {"scope": "public"},
    ),
    (
        "Service: source ranges that are all private",
        [service(loadBalancerSourceRanges=["10.0.0.0/8", "fd00::/8"], type="LoadBalancer")],
        {"scope": "internal"},
    ),
    (
        "Service: a source range that is not",
        [service(loadBalancerSourceRanges=["10.0.0.0/8", "203.0.113.0/24"], type="LoadBalancer")],
        {"scope": "public"},
    ),
    ("Service: externalIPs", [service(externalIPs=["10.1.1.1", "198.51.100.7"])], {"scope": "public"}),
    ("Service: externalIPs that are all private", [service(externalIPs=["10.1.1.1"])], {"scope": "internal"}),
    ("Service: ExternalName", [service(type="ExternalName", externalName="example.com")], None),
    ("Service: no selector", [service(selector={})], None),
    ("Service: a label that the Pod lacks", [service(selector={"app": "app", "tier": "web"})], None),
    ("Service: another namespace", [service(namespace="cart")], None),
    ("Service: a port for HTTP", [service()], {"tls": "none", "plainHttp": True, "redirects": None}),
    (
        "Service: a port for TLS",
        [service(ports=[{"port": 443}])],
        {"tls": "passthrough", "plainHttp": False, "redirects": False},
    ),
    (
        "Service: appProtocol before name before number",
        [service(ports=[{"name": "http", "appProtocol": "https", "port": 80}])],
        {"tls": "passthrough", "plainHttp": False},
    ),
    ("Service: any other port", [service(ports=[{"port": 5432}])], {"tls": "unknown", "plainHttp": None}),
    (
        "Service: a certificate on a load balancer of AWS",
        [
            service(
                notes={f"{BETA}aws-load-balancer-ssl-cert": "arn", f"{BETA}aws-load-balancer-ssl-ports": "443"},
                ports=[{"port": 443}],
            )
        ],
        {"tls": "terminate", "plainHttp": False, "reencrypts": False},
    ),
    (
        "Service: and encrypted anew",
        [
            service(
                notes={f"{BETA}aws-load-balancer-ssl-cert": "a", f"{BETA}aws-load-balancer-backend-protocol": "ssl"},
                ports=[{"port": 443}],
            )
        ],
        {"tls": "terminate", "reencrypts": True},
    ),
    ("Ingress: no TLS", [service(), ingress()], {"tls": "none", "plainHttp": True, "redirects": False}),
    ("Ingress: a host that an entry covers", [service(), ingress(tls=COVERED)], {"tls": "terminate"}),
    (
        "Ingress: a wildcard covers one label",
        [service(), ingress(host="a.b.example.com", tls=[{"hosts": ["*.example.com"]}])],
        {"tls": "none"},
    ),
    ("Ingress: a rule without a host is for any host", [service(), ingress(host="", tls=COVERED)], {"tls": "none"}),
    ("Ingress: an entry without hosts is for all", [service(), ingress(host="", tls=[{}])], {"tls": "terminate"}),
    (
        "Ingress: TLS passes through",
        [service(), ingress({f"{NGINX}ssl-passthrough": "true"}, tls=COVERED)],
        {"tls": "passthrough"},
    ),
    (
        "Ingress: encrypted anew",
        [service(), ingress({f"{NGINX}backend-protocol": "HTTPS"}, tls=COVERED)],
        {"reencrypts": True},
    ),
    ("Ingress: nginx redirects", [service(), ingress(tls=COVERED)], {"plainHttp": True, "redirects": True}),
    (
        "Ingress: nginx is told not to",
        [service(), ingress({f"{NGINX}ssl-redirect": "false"}, tls=COVERED)],
        {"plainHttp": True, "redirects": False},
    ),
    (
        "Ingress: the IngressClass names the controller",
        [
            service(),
            ingress(tls=COVERED, ingressClassName="edge"),
            made("networking.k8s.io/v1", "IngressClass", "edge", "", {"controller": "projectcontour.io/contour"}),
        ],
        {"plainHttp": True, "redirects": False},
    ),
    (
        "Ingress: GCE closes port 80",
        [service(), ingress({"kubernetes.io/ingress.allow-http": "false"}, tls=COVERED, ingressClassName="gce")],
        {"plainHttp": False, "redirects": False},
    ),
    (
        "Ingress: a FrontendConfig that was not seen",
        [
            service(),
            ingress({"networking.gke.io/v1beta1.FrontendConfig": "f"}, tls=COVERED, ingressClassName="gce"),
        ],
        {"plainHttp": True, "redirects": None},
    ),
    (
        "Ingress: an ALB with a certificate",
        [service(), ingress({"alb.ingress.kubernetes.io/certificate-arn": "arn"}, ingressClassName="alb")],
        {"tls": "terminate", "plainHttp": False, "scope": "unknown"},
    ),
    (
        "Ingress: an ALB that faces the internet",
        [service(), ingress({"alb.ingress.kubernetes.io/scheme": "internet-facing"}, ingressClassName="alb")],
        {"scope": "public", "tls": "none", "plainHttp": True},
    ),
    ("Ingress: Traefik", [service(), ingress(tls=COVERED, ingressClassName="traefik")], {"plainHttp": None}),
    (
        "Ingress: a controller that nobody knows",
        [service(), ingress(tls=COVERED, ingressClassName="x")],
        {"plainHttp": None, "redirects": None},
    ),
    ("Ingress: who reaches it is not said", [service(), ingress()], {"scope": "public"}),
    ("Ingress: an internal class of GCE", [service(), ingress(ingressClassName="gce-internal")], {"scope": "internal"}),
    ("Ingress: a login elsewhere", [service(), ingress({f"{NGINX}auth-url": "https://l"})], {"auth": "sso"}),
    ("Ingress: a password", [service(), ingress({f"{NGINX}auth-type": "basic"})], {"auth": "password"}),
    (
        "Ingress: a certificate of the client",
        [service(), ingress({f"{NGINX}auth-tls-secret": "shop/ca"})],
        {"auth": "certificate"},
    ),
    (
        "Ingress: a certificate of the client that is optional",
        [service(), ingress({f"{NGINX}auth-tls-secret": "shop/ca", f"{NGINX}auth-tls-verify-client": "optional"})],
        {"auth": ""},
    ),
    ("Ingress: another namespace", [service(), ingress(namespace="cart")], {"kind": "Service"}),
    ("Gateway: the same namespace by default", [service(), gateway(HTTPS), route()], {"tls": "terminate"}),
    (
        "Gateway: another namespace by default",
        [service(), gateway(HTTPS, namespace="edge"), route(parent={"namespace": "edge"})],
        {"kind": "Service"},
    ),
    (
        "Gateway: routes of all namespaces",
        [service(), gateway({**HTTPS, **FROM_ALL}, namespace="edge"), route(parent={"namespace": "edge"})],
        {"kind": "HTTPRoute", "unknown": ""},
    ),
    (
        "Gateway: a selector, and the labels of the Namespace were not seen",
        [
            service(),
            gateway({**HTTPS, "allowedRoutes": {"namespaces": FROM_LABELLED}}),
            route(),
        ],
        {"kind": "HTTPRoute", "unknown": "the Namespace shop, whose labels decide what may attach, was not seen"},
    ),
    (
        "Gateway: a sectionName",
        [service(), gateway(HTTP, HTTPS), route(parent={"sectionName": "https"})],
        {"tls": "terminate", "plainHttp": False, "ports": [443]},
    ),
    (
        "Gateway: no sectionName is every listener",
        [service(), gateway(HTTP, HTTPS), route()],
        {"tls": "terminate", "plainHttp": True, "redirects": False, "ports": [80, 443]},
    ),
    ("Gateway: a port", [service(), gateway(HTTP, HTTPS), route(parent={"port": 443})], {"plainHttp": False}),
    (
        "Gateway: hosts that both serve",
        [
            service(),
            gateway({**HTTPS, "hostname": "*.example.com"}),
            route(hostnames=["a.b.example.com", "example.com", "x.org"]),
        ],
        {"hosts": ["a.b.example.com"]},
    ),
    (
        "Gateway: no host that both serve",
        [service(), gateway({**HTTPS, "hostname": "*.example.com"}), route(hostnames=["example.com"])],
        {"kind": "Service"},
    ),
    (
        "Gateway: kinds that the protocol takes",
        [service(), gateway({**TLS, **FROM_ALL}), route()],
        {"kind": "Service"},
    ),
    (
        "Gateway: kinds that the listener lists",
        [service(), gateway({**HTTPS, "allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}}), route()],
        {"kind": "Service"},
    ),
    (
        "Gateway: TLS passes through",
        [service(), gateway(TLS), route(kind="TLSRoute", hostnames=["a.example.com"])],
        {"tls": "passthrough", "plainHttp": False},
    ),
    (
        "Gateway: TCP",
        [service(), gateway({"name": "db", "port": 5432, "protocol": "TCP"}), route(kind="TCPRoute")],
        {"tls": "unknown", "hosts": ["*"]},
    ),
    (
        "Gateway: a rule that redirects leads to nothing",
        [service(), gateway(HTTP), route({**REDIRECT, "backendRefs": [{"name": "app", "port": 80}]})],
        {"kind": "Service"},
    ),
    (
        "Gateway: a backend of another namespace without a grant",
        [
            service(),
            gateway(HTTPS, namespace="cart"),
            route({"backendRefs": [{"name": "app", "namespace": "shop", "port": 80}]}, namespace="cart"),
        ],
        {"kind": "Service"},
    ),
    (
        "Gateway: and with one",
        [
            service(),
            gateway(HTTPS, namespace="cart"),
            route({"backendRefs": [{"name": "app", "namespace": "shop", "port": 80}]}, namespace="cart"),
            made(
                "gateway.networking.k8s.io/v1beta1",
                "ReferenceGrant",
                "g",
                "shop",
                {
                    "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "cart"}],
                    "to": [{"group": "", "kind": "Service"}],
                },
            ),
        ],
        {"kind": "HTTPRoute", "namespace": "cart"},
    ),
    (
        "Gateway: a mirror gets a copy",
        [
            service(),
            gateway(HTTPS),
            route(MIRROR),
        ],
        {"kind": "HTTPRoute"},
    ),
    (
        "Gateway: a BackendTLSPolicy",
        [
            service(),
            gateway(HTTPS),
            route(),
            made(API, "BackendTLSPolicy", "p", "shop", BACKEND_TLS),
        ],
        {"reencrypts": True},
    ),
    (
        "Gateway: addresses that are all private",
        [service(), gateway(HTTPS, addresses=[{"value": "10.0.0.5"}]), route()],
        {"scope": "internal"},
    ),
    (
        "Gateway: an internal class of GKE",
        [service(), gateway(HTTPS, gatewayClassName="gke-l7-rilb"), route()],
        {"scope": "internal"},
    ),
    (
        "Gateway: an annotation for its load balancer",
        [
            service(),
            gateway(HTTPS, infrastructure={"annotations": {f"{BETA}aws-load-balancer-scheme": "internal"}}),
            route(),
        ],
        {"scope": "internal"},
    ),
    ("Gateway: who reaches it is not said", [service(), gateway(HTTPS), route()], {"scope": "public"}),
    (
        "Gateway: certificates of clients",
        [
            service(),
            gateway(HTTPS, tls={"frontend": {"default": {"validation": {"caCertificateRefs": [{"name": "ca"}]}}}}),
            route(),
        ],
        {"auth": "certificate"},
    ),
    (
        "ListenerSet: the Gateway takes none by default",
        [
            service(),
            gateway(),
            made(API, "ListenerSet", "more", "shop", {"parentRef": {"name": "edge"}, "listeners": [HTTPS]}),
            route(parent={"kind": "ListenerSet", "name": "more"}),
        ],
        {"kind": "Service"},
    ),
    (
        "ListenerSet: the Gateway takes those of its namespace",
        [
            service(),
            gateway(allowedListeners={"namespaces": {"from": "Same"}}),
            made(API, "ListenerSet", "more", "shop", {"parentRef": {"name": "edge"}, "listeners": [HTTPS]}),
            route(parent={"kind": "ListenerSet", "name": "more"}),
        ],
        {"kind": "HTTPRoute", "tls": "terminate"},
    ),
    (
        "Istio: TLS ends at the gateway",
        [service(), istio("Gateway", server("HTTPS", tls={"mode": "SIMPLE"})), istio("VirtualService", VIRTUAL)],
        {"tls": "terminate", "plainHttp": False, "scope": "public", "hosts": ["a.example.com"]},
    ),
    (
        "Istio: plain HTTP",
        [service(), istio("Gateway", server("HTTP")), istio("VirtualService", VIRTUAL)],
        {"tls": "none", "plainHttp": True, "redirects": False},
    ),
    (
        "Istio: a server that redirects leads to nothing",
        [service(), istio("Gateway", server("HTTP", tls={"httpsRedirect": True})), istio("VirtualService", VIRTUAL)],
        {"kind": "Service"},
    ),
    (
        "Istio: TLS passes through to routes for TLS",
        [
            service(),
            istio("Gateway", server("TLS", tls={"mode": "PASSTHROUGH"})),
            istio("VirtualService", {**VIRTUAL, "tls": VIRTUAL["http"], "http": []}),
        ],
        {"tls": "passthrough"},
    ),
    (
        "Istio: hosts of another namespace",
        [
            service(),
            istio("Gateway", server("HTTPS", hosts=["cart/*"], tls={"mode": "SIMPLE"})),
            istio("VirtualService", VIRTUAL),
        ],
        {"kind": "Service"},
    ),
    (
        "Istio: the mesh is no gateway",
        [service(), istio("VirtualService", {**VIRTUAL, "gateways": ["mesh"]})],
        {"kind": "Service"},
    ),
    (
        "Istio: who reaches the Pods of the gateway",
        [
            service(),
            istio("Gateway", {**server("HTTPS", tls={"mode": "SIMPLE"}), "selector": {"istio": "inner"}}),
            istio("VirtualService", VIRTUAL),
            pod(namespace="x", labels={"istio": "inner"}),
            service("gw", "x", selector={"istio": "inner"}),
        ],
        {"kind": "VirtualService", "scope": "cluster"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("others", "expected"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS])
def test_ways(others: list[Body], expected: Body | None) -> None:
    entries = fact_of([pod(), *others])["entries"]
    if expected is None:
        assert entries == []
    else:
        assert entries
        assert {key: entries[-1][key] for key in expected} == expected


NODES = ["Pod: a port of its node", "Pod: the network of its node"]


def test_every_row_of_the_page_has_a_case() -> None:
    page = (ROOT / "docs" / "facts" / "exposure.md").read_text(encoding="utf-8").split("## What decides")[1]
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert sorted(row for row in rows if ": " in row) == sorted([*(row[0] for row in WAYS), *NODES])


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod(containers=[{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}]), ([8080], "none", True)),
        (
            pod(hostNetwork=True, containers=[{"name": "a", "ports": [{"containerPort": 443}]}]),
            ([443], "passthrough", False),
        ),
    ],
    ids=NODES,
)
def test_ports_of_the_node(subject: Body, expected: tuple[Any, ...]) -> None:
    (entry,) = fact_of([subject])["entries"]
    assert (entry["ports"], entry["tls"], entry["plainHttp"]) == expected
    assert entry["scope"] == "node"


def stateful(**labels: str) -> Body:
    spec = {"template": {"metadata": {"labels": {"app": "db", **labels}}, "spec": {}}}
    return made("apps/v1", "StatefulSet", "db", "shop", spec)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({"app": "db", "statefulset.kubernetes.io/pod-name": "db-2"}, True),
        ({"app": "db", "statefulset.kubernetes.io/pod-name": "db-x"}, False),
        ({"app": "db", "statefulset.kubernetes.io/pod-name": "other-2"}, False),
        ({"app": "db", "vault-active": "true"}, True),
        ({"app": "db", "role": "primary"}, False),
        ({"statefulset.kubernetes.io/pod-name": "db-0"}, True),
    ],
)
def test_labels_that_no_template_shows(selector: Body, found: bool) -> None:
    said = fact_of([service(selector=selector), stateful()])
    assert [w["name"] for w in said["workloads"]] == (["db"] if found else [])


def test_a_label_of_the_template_counts_before_one_that_a_program_sets() -> None:
    said = fact_of([service(selector={"app": "db", "vault-active": "true"}), stateful(**{"vault-active": "false"})])
    assert said["workloads"] == []


@pytest.mark.parametrize(
    ("others", "unknown"),
    [
        ([], ""),
        ([made("monitoring.coreos.com/v1", "Prometheus", "app", "shop", {})], "Pod app may be made by the operator"),
        ([made("monitoring.coreos.com/v1", "Prometheus", "app", "cart", {})], ""),
    ],
)
def test_pods_that_an_operator_makes(others: list[Body], unknown: str) -> None:
    assert fact_of([service(), *others])["unknown"].startswith(unknown)
    assert bool(fact_of([service(), *others])["unknown"]) == bool(unknown)


def test_two_definitions_of_one_service_are_in_doubt() -> None:
    said = fact_of([pod(), service(), service(type="LoadBalancer")])
    assert {entry["scope"] for entry in said["entries"]} == {"cluster", "public"}
    assert all(entry["unknown"] == "Service app is defined twice" for entry in said["entries"])


@pytest.mark.parametrize(
    ("rules", "redirects"),
    [([REDIRECT], True), ([REDIRECT, {"backendRefs": [{"name": "app", "port": 80}]}], False)],
)
def test_a_route_that_does_nothing_but_redirect(rules: list[Body], redirects: bool) -> None:
    said = fact_of([route(*rules), gateway(HTTP), service()])
    assert (said["tls"], said["plainHttp"], said["redirects"]) == ("none", True, redirects)


def policy(kind: str, name: str, **spec: Any) -> Body:
    target = {"group": "gateway.networking.k8s.io", "kind": kind, "name": name}
    return made(
        "gateway.envoyproxy.io/v1alpha1", "SecurityPolicy", f"p-{kind}", "shop", {"targetRefs": [target], **spec}
    )


@pytest.mark.parametrize(
    ("policies", "auth"),
    [
        ([], ""),
        ([policy("Gateway", "edge", oidc={"a": 1})], "sso"),
        ([policy("Gateway", "other", oidc={"a": 1})], ""),
        ([policy("Gateway", "edge", oidc={"a": 1}), policy("HTTPRoute", "way", cors={"a": 1})], ""),
        ([policy("HTTPRoute", "way", basicAuth={"a": 1})], "password"),
    ],
    ids=["none", "the Gateway's", "another Gateway's", "the route's replaces it", "a password"],
)
def test_logins_of_envoy_gateway(policies: list[Body], auth: str) -> None:
    assert fact_of([route(), gateway(HTTPS), service(), pod(), *policies])["auth"] == auth


@pytest.mark.parametrize(
    ("image", "port", "auth"),
    [
        ("quay.io/oauth2-proxy/oauth2-proxy:v7", 4180, "sso"),
        ("quay.io/oauth2-proxy/oauth2-proxy:v7", 80, ""),
        ("x", 4180, ""),
    ],
)
def test_a_proxy_in_the_pod_counts_where_the_service_leads_to_it(image: str, port: int, auth: str) -> None:
    proxy = {"name": "proxy", "image": image, "ports": [{"containerPort": 4180}]}
    subject = pod(containers=[{"name": "a", "image": "prom/prometheus:v3", "ports": [{"containerPort": 80}]}, proxy])
    (entry,) = fact_of([subject, service(ports=[{"port": 80, "targetPort": port}])])["entries"]
    assert entry["auth"] == auth


@pytest.mark.parametrize("missing", ["Service", "Pod", "Gateway"])
def test_what_is_taken_away_from_an_incomplete_world_is_told(missing: str) -> None:
    bodies = [route(), gateway(HTTPS), service(), pod(image="prom/prometheus:v3")]
    assert fact_of(bodies)["interfaces"][0]["tool"] == "Prometheus"
    less = [body for body in bodies if body["kind"] != missing]
    assert fact_of(less, complete=False)["unseen"]
    assert not fact_of(less)["unseen"]


# The reference


def ref_scope(spec: Body) -> str:
    return {"LoadBalancer": "public", "NodePort": "node"}.get(spec.get("type", ""), "cluster")


def ref_host(one: str, other: str) -> str:
    """The hosts that two names share, label by label from the right."""
    if one == "" or other == "":
        return one or other or "*"
    left, right = one.split(".")[::-1], other.split(".")[::-1]
    for number in range(max(len(left), len(right))):
        here = left[number] if number < len(left) else None
        there = right[number] if number < len(right) else None
        if here == "*":
            return other if there is not None else ""
        if there == "*":
            return one if here is not None else ""
        if here != there:
            return ""
    return one


def ref_covers(entry: Body, host: str) -> bool:
    for name in entry.get("hosts", []):
        if name == host or (name.startswith("*.") and host.count(".") and host.split(".", 1)[1] == name[2:]):
            return True
    return not entry.get("hosts")


def ref_ingress(body: Body, name: str) -> Body | None:
    """The way through an Ingress to a Service of a name."""
    spec, notes = body["spec"], body["metadata"].get("annotations", {})
    hosts = set()
    if spec.get("defaultBackend", {}).get("service", {}).get("name") == name:
        hosts.add("*")
    for rule in spec.get("rules", []):
        for path in rule["http"]["paths"]:
            if path["backend"]["service"]["name"] == name:
                hosts.add(rule.get("host") or "*")
    if not hosts:
        return None
    entries = spec.get("tls", [])
    covered = bool(entries) and all(any(ref_covers(e, host) for e in entries) for host in hosts)
    tls = "terminate" if covered else "none"
    if notes.get(f"{NGINX}ssl-passthrough") == "true":
        tls = "passthrough"
    plain: tuple[bool | None, bool | None] = (True, False)
    if tls != "none":
        plain = {
            "nginx": (True, notes.get(f"{NGINX}ssl-redirect") != "false"),
            "contour": (True, False),
            "other": (None, None),
        }[spec["ingressClassName"]]
    return {"scope": "public", "tls": tls, "plain": plain, "hosts": frozenset(hosts)}


def ref_attached(route_body: Body, owner: Body, listener: Body, namespaces: dict[str, Body]) -> set[str]:
    """The hosts by which a route attaches to a listener; empty if it does not."""
    own, theirs = route_body["metadata"]["namespace"], owner["metadata"]["namespace"]
    named = any(
        ref["name"] == owner["metadata"]["name"]
        and ref.get("namespace", own) == theirs
        and ref.get("sectionName", listener["name"]) == listener["name"]
        and ref.get("port", listener["port"]) == listener["port"]
        for ref in route_body["spec"]["parentRefs"]
    )
    wanted = listener.get("allowedRoutes", {}).get("namespaces", {})
    source = wanted.get("from", "Same")
    allowed = source == "All" or (source == "Same" and own == theirs)
    if source == "Selector":
        allowed = all(namespaces[own].get(k) == v for k, v in wanted["selector"]["matchLabels"].items())
    takes = {"HTTP": ["HTTPRoute", "GRPCRoute"], "HTTPS": ["HTTPRoute", "GRPCRoute"], "TLS": ["TLSRoute", "TCPRoute"]}
    if not named or not allowed or route_body["kind"] not in takes[listener["protocol"]]:
        return set()
    hostnames = route_body["spec"].get("hostnames") or [""]
    return {host for name in hostnames for host in [ref_host(listener.get("hostname", ""), name)] if host}


def ref_route(route_body: Body, owner: Body, target: Body, bodies: list[Body]) -> Body | None:
    """The way through a Gateway and a route to a Service."""
    namespaces = {b["metadata"]["name"]: b["metadata"].get("labels", {}) for b in bodies if b["kind"] == "Namespace"}
    attached = [
        (listener, ref_attached(route_body, owner, listener, namespaces)) for listener in owner["spec"]["listeners"]
    ]
    attached = [(listener, hosts) for listener, hosts in attached if hosts]
    own, theirs = route_body["metadata"]["namespace"], target["metadata"]["namespace"]
    granted = own == theirs or any(
        grant["kind"] == "ReferenceGrant"
        and grant["metadata"]["namespace"] == theirs
        and grant["spec"]["from"][0]["namespace"] == own
        and grant["spec"]["from"][0]["kind"] == route_body["kind"]
        for grant in bodies
    )
    leads = any(
        ref["name"] == target["metadata"]["name"] and ref.get("namespace", own) == theirs
        for rule in route_body["spec"]["rules"]
        if "filters" not in rule
        for ref in rule.get("backendRefs", [])
    )
    if not attached or not granted or not leads:
        return None
    ends = {
        "none"
        if li["protocol"] == "HTTP"
        else ("passthrough" if li["tls"].get("mode") == "Passthrough" else "terminate")
        for li, _ in attached
    }
    tls = "passthrough" if "passthrough" in ends else ("terminate" if "terminate" in ends else "none")
    hosts = frozenset(host for _, found in attached for host in found)
    return {"scope": "public", "tls": tls, "plain": ("none" in ends, False), "hosts": hosts}


def reference(subject: Body, bodies: list[Body]) -> set[tuple[Any, ...]]:
    """Every way to a Pod as (kind, namespace, service, scope, tls, plain HTTP and redirects, hosts)."""
    found: set[tuple[Any, ...]] = set()
    for target in (body for body in bodies if body["kind"] == "Service"):
        selector = target["spec"].get("selector") or {}
        if target["metadata"]["namespace"] != subject["metadata"]["namespace"] or not selector:
            continue
        if any(subject["metadata"]["labels"].get(key) != value for key, value in selector.items()):
            continue
        name, space = target["metadata"]["name"], target["metadata"]["namespace"]
        found.add(("Service", space, name, ref_scope(target["spec"]), "none", (True, None), frozenset()))
        for other in bodies:
            way = None
            if other["kind"] == "Ingress" and other["metadata"]["namespace"] == space:
                way = ref_ingress(other, name)
            if way is not None:
                found.add((other["kind"], space, name, way["scope"], way["tls"], way["plain"], way["hosts"]))
            if other["kind"].endswith("Route"):
                for owner in (body for body in bodies if body["kind"] == "Gateway"):
                    way = ref_route(other, owner, target, bodies)
                    if way is not None:
                        at = other["metadata"]["namespace"]
                        found.add((other["kind"], at, name, way["scope"], way["tls"], way["plain"], way["hosts"]))
    return found


# What has to meet is drawn from few values, some of them more often than others, so that most worlds have ways.
SPACES = st.sampled_from(["one", "one", "one", "two"])
HOSTS = st.sampled_from(["a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com", "example.com"])
LABELS = st.sampled_from([{"app": "x", "tier": "y"}, {"app": "x"}, {"app": "y"}, {}])
SELECTORS = st.sampled_from([{"app": "x"}, {"app": "x"}, {"tier": "y"}, {"app": "x", "tier": "y"}, {}])
NAMES = st.sampled_from(["s", "s", "t"])


@st.composite
def services(draw: st.DrawFn) -> Body:
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]))
    return service(draw(NAMES), draw(SPACES), selector=draw(SELECTORS), type=kind)


@st.composite
def ingresses(draw: st.DrawFn) -> Body:
    rules = [
        {"http": {"paths": [{"backend": {"service": {"name": name, "port": {"number": 80}}}}]}}
        | ({"host": host} if host else {})
        for host, name in draw(st.lists(st.tuples(st.none() | HOSTS, NAMES), min_size=1, max_size=2))
    ]
    entry = st.fixed_dictionaries({}, optional={"hosts": st.lists(HOSTS, min_size=1, max_size=2)})
    spec: Body = {"ingressClassName": draw(st.sampled_from(["nginx", "contour", "other"])), "rules": rules}
    spec["tls"] = draw(st.lists(entry, max_size=2))
    if draw(st.booleans()):
        spec["defaultBackend"] = {"service": {"name": draw(NAMES), "port": {"number": 80}}}
    notes = {}
    for note, value in (("ssl-redirect", "false"), ("ssl-passthrough", "true")):
        if draw(st.integers(0, 3)) == 0 and spec["ingressClassName"] == "nginx":
            notes[f"{NGINX}{note}"] = value
    return made("networking.k8s.io/v1", "Ingress", draw(NAMES), draw(SPACES), spec, **notes)


@st.composite
def gateways(draw: st.DrawFn) -> Body:
    listeners = []
    for base in draw(
        st.lists(st.sampled_from([HTTP, HTTPS, TLS]), min_size=1, max_size=3, unique_by=lambda e: e["name"])
    ):
        selector = {"matchLabels": draw(st.dictionaries(st.just("team"), st.sampled_from(["x", "y"]), max_size=1))}
        source = draw(st.sampled_from([None, "Same", "All", "Selector"]))
        listener = {**base} | ({"hostname": draw(HOSTS)} if draw(st.booleans()) else {})
        if source:
            more = {"selector": selector} if source == "Selector" else {}
            listener["allowedRoutes"] = {"namespaces": {"from": source, **more}}
        listeners.append(listener)
    return made(API, "Gateway", draw(NAMES), draw(SPACES), {"listeners": listeners})


@st.composite
def routes(draw: st.DrawFn) -> Body:
    some = st.sampled_from
    parent = some([{}, {}, {}, {"sectionName": "http"}, {"sectionName": "https"}, {"port": 443}, {"namespace": "two"}])
    parent = st.builds(lambda name, more: {"name": name, **more}, NAMES, parent)
    backend = st.builds(
        lambda name, more: {"name": name, "port": 80, **more}, NAMES, some([{}, {}, {"namespace": "one"}])
    )
    rule = st.just(REDIRECT) | st.fixed_dictionaries({"backendRefs": st.lists(backend, min_size=1, max_size=2)})
    spec = {
        "parentRefs": draw(st.lists(parent, min_size=1, max_size=2)),
        "rules": draw(st.lists(rule, min_size=1, max_size=2)),
        "hostnames": draw(st.just([]) | st.lists(HOSTS, max_size=2)),
    }
    kind = draw(st.sampled_from(["HTTPRoute", "HTTPRoute", "GRPCRoute", "TLSRoute"]))
    return made(API, kind, draw(NAMES), draw(SPACES), spec)


@st.composite
def grants(draw: st.DrawFn) -> Body:
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": draw(SPACES)}
    spec = {"from": [source], "to": [{"group": "", "kind": "Service"}]}
    return made("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", draw(NAMES), draw(SPACES), spec)


@st.composite
def worlds(draw: st.DrawFn) -> list[Body]:
    pods = [
        {**pod(namespace=draw(SPACES), labels=draw(LABELS))},
        {**pod(namespace=draw(SPACES), labels=draw(LABELS))},
    ]
    for number, body in enumerate(pods):
        body["metadata"]["name"] = f"pod-{number}"
    others: list[Body] = []
    for kind, least, most in (
        (services(), 1, 3),
        (ingresses(), 0, 2),
        (gateways(), 1, 2),
        (routes(), 1, 3),
        (grants(), 0, 2),
    ):
        others += draw(st.lists(kind, min_size=least, max_size=most, unique_by=_identity))
    for space in ("one", "two"):
        labels = draw(st.dictionaries(st.just("team"), st.sampled_from(["x", "y"]), max_size=1))
        others.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labels}})
    return [*pods, *others]


def _identity(body: Body) -> tuple[str, str, str]:
    return body["kind"], body["metadata"]["namespace"], body["metadata"]["name"]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_agrees_with_the_reference(bodies: list[Body]) -> None:
    facts, objects = world_of(bodies)
    for subject, obj in zip(bodies[:2], objects[:2], strict=True):
        said = facts.fact("exposure").of(obj)
        assert isinstance(said, dict)
        ways = {
            (
                entry["kind"],
                entry["namespace"],
                entry["service"],
                entry["scope"],
                entry["tls"],
                (entry["plainHttp"], entry["redirects"]),
                frozenset(entry["hosts"]),
            )
            for entry in said["entries"]
        }
        assert ways == reference(subject, bodies)


KINDS = [
    ("v1", "Service"), ("v1", "Pod"), ("networking.k8s.io/v1", "Ingress"), (API, "Gateway"), (API, "HTTPRoute"),
    (API, "TLSRoute"), (API, "ListenerSet"), (API, "ReferenceGrant"), ("networking.istio.io/v1", "Gateway"),
    ("networking.istio.io/v1", "VirtualService"), ("networking.k8s.io/v1", "IngressClass"), ("v1", "ConfigMap"),
    ("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy"), ("monitoring.coreos.com/v1", "Prometheus"),
]  # fmt: skip
PARTS = {
    "selector": JSON, "ports": st.lists(JSON, max_size=2), "rules": st.lists(JSON, max_size=2), "tls": JSON,
    "listeners": st.lists(JSON, max_size=2), "parentRefs": st.lists(JSON, max_size=2), "hosts": JSON, "servers": JSON,
    "containers": st.lists(JSON, max_size=2), "gateways": JSON, "type": JSON, "externalIPs": JSON, "targetRefs": JSON,
}  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.fixed_dictionaries({}, optional=PARTS) | JSON), max_size=5),
    st.booleans(),
)
def test_nothing_breaks_it(specs: list[tuple[tuple[str, str], Any]], complete: bool) -> None:
    """Any field may hold anything."""
    bodies = [made(api, kind, "edge", "shop", spec) for (api, kind), spec in specs]
    facts, objects = world_of(bodies, complete)
    fact = facts.fact("exposure")
    for obj in objects:
        assert isinstance(fact.of(obj), (dict, str))
    fact.table()
