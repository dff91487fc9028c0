"""What an Ingress or a Service says of itself: who reaches it, where TLS ends, who must log in.

Sources: the documentation of each controller's annotations (docs/facts/exposure.md names them).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import annotations_of, items, maps, part, text

if TYPE_CHECKING:
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

SCOPES = ("cluster", "node", "internal", "public")
"""Who reaches an entry, from few to many."""

_NGINX = "nginx.ingress.kubernetes.io/"
_ALB = "alb.ingress.kubernetes.io/"
_AZURE = "appgw.ingress.kubernetes.io/"
_CONFIG_MAP = "core/ConfigMap"
_WEB_ACLS = ("wafv2-acl-arn", "wafv2-acl-name", "waf-acl-id", "web-acl-id")
_BETA = "service.beta.kubernetes.io/"
_OFF = frozenset({"false", "f", "0", "disabled"})

# A controller by what its IngressClass, or the name of a class, holds; the first that fits counts.
_NAMES = ("nginx", "haproxy", "application-gateway", "contour", "kong", "traefik", "cilium", "gce", "alb")
_PREFIXES = {
    _NGINX: "nginx", _ALB: "alb", _AZURE: "application-gateway", "konghq.com/": "kong",
    "traefik.ingress.kubernetes.io/": "traefik", "ingress.cilium.io/": "cilium", "haproxy.org/": "haproxy",
    "haproxy-ingress.github.io/": "haproxy", "nginx.org/": "nginx", "kubernetes.io/ingress.allow-http": "gce",
}  # fmt: skip
_CERTIFICATES = (
    f"{_ALB}certificate-arn", "ingress.gcp.kubernetes.io/pre-shared-cert", "networking.gke.io/managed-certificates",
    f"{_AZURE}appgw-ssl-certificate",
)  # fmt: skip
_PASSTHROUGH = (
    f"{_NGINX}ssl-passthrough", "haproxy.org/ssl-passthrough", "haproxy-ingress.github.io/ssl-passthrough",
    "ingress.cilium.io/tls-passthrough",
)  # fmt: skip
# Annotations by which a controller that redirects by itself is told not to.
_REDIRECTS = {
    "nginx": (f"{_NGINX}ssl-redirect", "ingress.kubernetes.io/ssl-redirect", "nginx.org/ssl-redirect"),
    "haproxy": (
        "haproxy.org/ssl-redirect",
        "haproxy-ingress.github.io/ssl-redirect",
        "ingress.kubernetes.io/ssl-redirect",
    ),
    "cilium": ("ingress.cilium.io/force-https",),
}
_BACKEND_TLS = {
    f"{_NGINX}backend-protocol": ("https", "grpcs"), f"{_ALB}backend-protocol": ("https",),
    f"{_AZURE}backend-protocol": ("https",), "haproxy.org/server-ssl": ("true",),
    "haproxy-ingress.github.io/backend-protocol": ("h1-ssl", "h2-ssl", "https"),
}  # fmt: skip
# Annotations that send each request to a login, and those that ask for a password or a client's certificate.
_SSO = (
    f"{_NGINX}auth-url", "haproxy-ingress.github.io/auth-url", "haproxy-ingress.github.io/oauth", "nginx.com/jwt-key",
)  # fmt: skip
_PASSWORD = (
    f"{_NGINX}auth-type", "haproxy.org/auth-type", "haproxy-ingress.github.io/auth-secret",
    "nginx.org/basic-auth-secret",
)  # fmt: skip
_CLIENT = (f"{_NGINX}auth-tls-secret", "haproxy-ingress.github.io/auth-tls-secret", "haproxy.org/client-ca")
_KONG_LOGINS = ("openid-connect", "oauth2", "oauth2-introspection", "jwt", "saml", "header-cert-auth", "mtls-auth")
_KONG_PASSWORDS = ("basic-auth", "key-auth", "key-auth-enc", "ldap-auth", "ldap-auth-advanced", "hmac-auth")
_INTERNAL = {
    f"{_BETA}aws-load-balancer-internal": ("true", "0.0.0.0/0"), f"{_BETA}aws-load-balancer-scheme": ("internal",),
    f"{_BETA}azure-load-balancer-internal": ("true",), f"{_BETA}openstack-internal-load-balancer": ("true",),
    f"{_BETA}oci-load-balancer-internal": ("true",), "networking.gke.io/load-balancer-type": ("internal",),
    "cloud.google.com/load-balancer-type": ("internal",),
    f"{_BETA}alibaba-cloud-loadbalancer-address-type": ("intranet",),
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": ("private",),
}  # fmt: skip
# Addresses of one's own network, of carriers, of the link and of the node (RFC 1918, 6598, 4193, 3927, 4291, 1122).
_PRIVATE = tuple(
    ipaddress.ip_network(own)
    for own in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
# A port is taken for HTTP, or for TLS, by its appProtocol, by its name, or by its well-known number.
_TLS_NAMES = re.compile(r"^(https|tls|wss|grpcs|kubernetes\.io/wss)($|-)")
_HTTP_NAMES = re.compile(r"^(http|http2|http1|web|ws|h2c|kubernetes\.io/h2c|kubernetes\.io/ws)($|-)")
_TLS_PORTS, _HTTP_PORTS = (443, 8443, 6443), (80, 8080)


class Entry(NamedTuple):
    """A way in. ``redirects`` and ``plainHttp`` are None where that is not known; ``unknown`` says why.

    ``auth`` is who must log in before a request goes on: ``sso``, ``password``, ``certificate``, or empty.
    """

    kind: str
    name: str
    namespace: str
    service: str
    scope: str
    tls: str
    plainHttp: bool | None  # noqa: N815  # names that rules see
    redirects: bool | None
    reencrypts: bool
    hosts: list[str]
    ports: list[int]
    auth: str
    unknown: str


class Door(NamedTuple):
    """What an Ingress says once, whatever it leads to."""

    scope: str
    controller: str
    auth: str
    reencrypts: bool
    unknown: str
    """Why ``auth`` is not known; empty if it is."""


def controller_of(index: Index, ingress: KubeObject) -> str:
    """The controller that an Ingress is for: by its IngressClass, the name of its class, or its annotations."""
    notes = annotations_of(part(ingress.body, "metadata"))
    name = text(ingress.body, "spec", "ingressClassName") or notes.get("kubernetes.io/ingress.class", "")
    classes = index.find("networking.k8s.io/IngressClass", None, name) if name else _default_classes(index)
    told = [text(found.body, "spec", "controller") for found in classes] if len(classes) == 1 else []
    for known in (*told, name):
        for part_of_name in _NAMES:
            if part_of_name in known:
                return part_of_name
    return next((who for prefix, who in _PREFIXES.items() if any(note.startswith(prefix) for note in notes)), "")


def _default_classes(index: Index) -> list[KubeObject]:
    """The classes of an Ingress that names none ("Default IngressClass")."""
    mark = "ingressclass.kubernetes.io/is-default-class"
    every = index.of_kind("networking.k8s.io/IngressClass")
    return [found for found in every if annotations_of(part(found.body, "metadata")).get(mark) == "true"]


def door_of(index: Index, ingress: KubeObject) -> Door:
    """Who reaches an Ingress, and who must log in."""
    notes = annotations_of(part(ingress.body, "metadata"))
    controller = controller_of(index, ingress)
    auth, unknown = _auth(index, ingress.identity.namespace, notes)
    encrypted = any(notes.get(note, "").lower() in values for note, values in _BACKEND_TLS.items())
    return Door(_ingress_scope(index, ingress, controller, notes), controller, auth, encrypted, unknown)


def _ingress_scope(index: Index, ingress: KubeObject, controller: str, notes: Mapping[str, str]) -> str:
    name = text(ingress.body, "spec", "ingressClassName") or notes.get("kubernetes.io/ingress.class", "")
    if name == "gce-internal" or notes.get(f"{_AZURE}use-private-ip", "") == "true":
        return "internal"
    if controller != "alb":
        return "public"
    # An ALB is internal unless somebody says otherwise; the parameters of the class go before the annotation.
    classes = index.find("networking.k8s.io/IngressClass", None, name)
    wanted = text(classes[0].body, "spec", "parameters", "name") if len(classes) == 1 else ""
    params = index.find("elbv2.k8s.aws/IngressClassParams", None, wanted) if wanted else []
    scheme = text(params[0].body, "spec", "scheme") if len(params) == 1 else ""
    scheme = scheme or notes.get(f"{_ALB}scheme", "")
    if scheme:
        return "public" if scheme == "internet-facing" else "internal"
    return "unknown" if not classes or (wanted and not params) else "internal"


def covers(entry: Mapping[str, Any], host: str) -> bool:
    """Whether an entry in ``spec.tls`` is for a host: a wildcard covers one label, no host stands for all."""
    hosts = items(entry, "hosts")
    return not hosts or any(
        isinstance(name, str)
        and (name == host or (name.startswith("*.") and "." in host and host[host.index(".") :] == name[1:]))
        for name in hosts
    )


def ingress_tls(ingress: KubeObject, controller: str, hosts: Iterable[str]) -> str:
    """Where TLS ends for some hosts of an Ingress; ``*`` stands for any host."""
    notes = annotations_of(part(ingress.body, "metadata"))
    if any(notes.get(note, "").lower() in ("true", "enabled") for note in _PASSTHROUGH):
        return "passthrough"
    if any(notes.get(note) for note in _CERTIFICATES):
        return "terminate"
    entries = maps(ingress.body, "spec", "tls")
    # Without a named certificate an ALB opens port 443 only if its ports are written.
    if controller == "alb" and not any("HTTPS" in ports for ports in _listen_ports(notes)):
        return "none"
    covered = all(any(covers(entry, host) for entry in entries) for host in hosts)
    return "terminate" if entries and covered else "none"


def _listen_ports(notes: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        found = json.loads(notes.get(f"{_ALB}listen-ports", "[]"))
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def ingress_plain(index: Index, ingress: KubeObject, controller: str, tls: str) -> tuple[bool | None, bool | None]:
    """Whether plain HTTP is answered, and whether it merely redirects; None where that is not known."""
    notes = annotations_of(part(ingress.body, "metadata"))
    allow = notes.get("kubernetes.io/ingress.allow-http") != "false"
    forced = notes.get("ingress.kubernetes.io/force-ssl-redirect") == "true"
    if tls == "none":
        return True, False
    if controller in _REDIRECTS:
        told = notes.get(f"{_NGINX}force-ssl-redirect") == "true" and controller == "nginx"
        return True, told or not any(notes.get(note, "").lower() in _OFF for note in _REDIRECTS[controller])
    if controller == "gce":
        return _gce_plain(index, ingress, notes, allow=allow)
    if controller == "traefik":
        return _traefik_plain(index, notes)
    if controller == "contour":
        return (True, forced) if allow else (False, False)
    if controller == "alb":
        return _alb_plain(notes)
    if controller == "application-gateway":
        return True, notes.get(f"{_AZURE}ssl-redirect") == "true"
    only_tls = {name.strip() for name in notes.get("konghq.com/protocols", "http").split(",")} <= {"https", "grpcs"}
    return ((False, False) if only_tls else (True, forced)) if controller == "kong" else (None, None)


def _alb_plain(notes: Mapping[str, str]) -> tuple[bool, bool]:
    """A load balancer of AWS with a named certificate opens port 443 alone, if no ports are written."""
    ports = _listen_ports(notes)
    plain = any("HTTP" in entry for entry in ports) if ports else f"{_ALB}certificate-arn" not in notes
    return (True, True) if notes.get(f"{_ALB}ssl-redirect") else (plain, False)


def _gce_plain(
    index: Index, ingress: KubeObject, notes: Mapping[str, str], *, allow: bool
) -> tuple[bool | None, bool | None]:
    """Google's load balancer redirects where a FrontendConfig says so."""
    if not allow:
        return False, False
    name = notes.get("networking.gke.io/v1beta1.FrontendConfig", "")
    if not name:
        return True, False
    found = index.find("networking.gke.io/FrontendConfig", ingress.identity.namespace, name)
    redirect = part(found[0].body, "spec", "redirectToHttps").get("enabled") is True if len(found) == 1 else None
    return True, redirect


def _traefik_plain(index: Index, notes: Mapping[str, str]) -> tuple[bool | None, bool | None]:
    """Entry points are called in Traefik's own configuration; by convention ``websecure`` has TLS."""
    points = [name.strip() for name in notes.get("traefik.ingress.kubernetes.io/router.entrypoints", "").split(",")]
    if points == ["websecure"]:
        return False, False
    middlewares, _ = traefik_middlewares(index, notes.get("traefik.ingress.kubernetes.io/router.middlewares", ""))
    if any(part(found.body, "spec").get("redirectScheme") for found in middlewares):
        return True, True
    return None, None


def traefik_middlewares(index: Index, named: str) -> tuple[list[KubeObject], str]:
    """The middlewares that ``namespace-name@kubernetescrd`` names, and the first that was not seen."""
    by_name = {
        f"{found.identity.namespace}-{found.identity.name}@kubernetescrd": found
        for found in index.of_kind("traefik.io/Middleware", "traefik.containo.us/Middleware")
    }
    wanted = [name.strip() for name in named.split(",") if name.strip()]
    return [by_name[name] for name in wanted if name in by_name], next((n for n in wanted if n not in by_name), "")


def middleware_auth(middleware: KubeObject) -> str:
    """How a middleware of Traefik makes people log in."""
    spec = part(middleware.body, "spec")
    if spec.get("forwardAuth"):
        return "sso"
    return "password" if spec.get("basicAuth") or spec.get("digestAuth") else ""


def kong_auth(index: Index, namespace: str | None, named: str) -> tuple[str, str]:
    """How the plugins that an object names make people log in, and why that is not known."""
    unseen = ""
    for name in (name.strip() for name in named.split(",") if name.strip()):
        found = index.find("configuration.konghq.com/KongPlugin", namespace, name)
        found = found or index.find("configuration.konghq.com/KongClusterPlugin", None, name)
        kind = found[0].body.get("plugin") if len(found) == 1 else None
        if kind in _KONG_LOGINS:
            return "sso", ""
        if kind in _KONG_PASSWORDS:
            return "password", ""
        unseen = unseen if found else f"the plugin {name} of Kong was not seen"
    return "", unseen


def _auth(index: Index, namespace: str | None, notes: Mapping[str, str]) -> tuple[str, str]:
    if any(notes.get(note) for note in _SSO) or notes.get(f"{_ALB}auth-type") in ("oidc", "cognito", "jwt-validation"):
        return "sso", ""
    client = any(notes.get(note) for note in _CLIENT)
    if client and notes.get(f"{_NGINX}auth-tls-verify-client", "on") == "on":
        return "certificate", ""
    if any(notes.get(note) for note in _PASSWORD):
        return "password", ""
    middlewares, unseen = traefik_middlewares(index, notes.get("traefik.ingress.kubernetes.io/router.middlewares", ""))
    for found in middlewares:
        if middleware_auth(found):
            return middleware_auth(found), ""
    if unseen:
        return "", f"the middleware {unseen} of Traefik was not seen"
    return kong_auth(index, namespace, notes.get("konghq.com/plugins", ""))


def private(addresses: Iterable[Any]) -> bool:
    """Whether there are addresses or ranges, and the internet reaches none of them."""
    found = []
    for address in addresses:
        try:
            network = ipaddress.ip_network(str(address).strip(), strict=False)
        except ValueError:
            return False
        found.append(any(network.version == own.version and network.subnet_of(own) for own in _PRIVATE))  # type: ignore[arg-type]
    return bool(found) and all(found)


def is_internal(notes: Mapping[str, str]) -> bool:
    """Whether an annotation asks a cloud for a load balancer that only its own network reaches."""
    return any(notes.get(note, "").lower() in values for note, values in _INTERNAL.items())


def service_scope(service: KubeObject) -> str:
    """Who reaches a Service; empty for one that only names a host outside (ExternalName)."""
    spec = part(service.body, "spec")
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        return ""
    scope = {"LoadBalancer": "public", "NodePort": "node"}.get(kind if isinstance(kind, str) else "", "cluster")
    if scope == "public":
        notes = annotations_of(part(service.body, "metadata"))
        by_controller = spec.get("loadBalancerClass") == "service.k8s.aws/nlb" or (
            notes.get(f"{_BETA}aws-load-balancer-type") in ("external", "nlb-ip")
        )
        # The controller of AWS makes internal ones unless it is told otherwise.
        hidden = by_controller and notes.get(f"{_BETA}aws-load-balancer-scheme") != "internet-facing"
        if hidden or is_internal(notes) or private(items(spec, "loadBalancerSourceRanges")):
            scope = "internal"
    addresses = items(spec, "externalIPs")
    if addresses:
        scope = widest(("internal" if private(addresses) else "public", scope))
    return scope


def widest(scopes: Iterable[str]) -> str:
    """The scope that lets most in; unknown before all that may be narrower."""
    found = list(scopes)
    if "public" in found:
        return "public"
    return "unknown" if "unknown" in found else max(found, key=SCOPES.index, default="")


def port_tls(port: Mapping[str, Any], number: Any) -> str:
    """What a port that hands bytes on speaks, as its name and number tell: passthrough, none (HTTP) or unknown."""
    for known in (text(port, "appProtocol").lower(), text(port, "name").lower()):
        if _TLS_NAMES.match(known):
            return "passthrough"
        if _HTTP_NAMES.match(known):
            return "none"
    if number in _TLS_PORTS:
        return "passthrough"
    return "none" if number in _HTTP_PORTS else "unknown"


def together(kinds: Iterable[str]) -> tuple[str, bool | None]:
    """Several ports as one entry: where TLS ends, and whether one of them speaks plain HTTP (None: not known)."""
    found = list(kinds)
    plain = True if "none" in found else (None if "unknown" in found else False)
    if "unknown" in found or not found:
        return "unknown", plain
    return next((kind for kind in ("terminate", "passthrough") if kind in found), "none"), plain


def service_tls(service: KubeObject) -> tuple[str, bool | None, bool]:
    """Where TLS ends at a Service, whether plain HTTP is answered, and whether a balancer encrypts anew."""
    notes = annotations_of(part(service.body, "metadata"))
    ports = maps(service.body, "spec", "ports")
    certificate = notes.get(f"{_BETA}aws-load-balancer-ssl-cert", "")
    wanted = {name.strip() for name in notes.get(f"{_BETA}aws-load-balancer-ssl-ports", "*").split(",")}
    ends = [
        bool(certificate) and ("*" in wanted or str(port.get("port")) in wanted or text(port, "name") in wanted)
        for port in ports
    ]
    found = [
        "terminate" if ended else port_tls(port, port.get("port")) for port, ended in zip(ports, ends, strict=True)
    ]
    anew = notes.get(f"{_BETA}aws-load-balancer-backend-protocol", "") in ("https", "ssl")
    return (*together(found), anew and any(ends))


def firewall_of(index: Index, ingress: KubeObject, controller: str) -> tuple[str, str, str]:
    """The firewall before an Ingress: ``blocking``, ``detecting``, ``none`` or ``unknown``.

    Also why that is not known, and the kind of which an unseen object could change it.
    """
    notes = annotations_of(part(ingress.body, "metadata"))
    clouds = (*(f"{_ALB}{name}" for name in _WEB_ACLS), f"{_AZURE}waf-policy-for-path")
    # The controller of AWS takes the word none for no ACL.
    if (
        any(notes.get(note, "none") not in ("", "none") for note in clouds)
        or notes.get("appprotect.f5.com/app-protect-enable", "") == "True"
    ):
        return "blocking", "", ""
    if notes.get("haproxy-ingress.github.io/waf") == "modsecurity":
        return ("detecting" if notes.get("haproxy-ingress.github.io/waf-mode") == "detect" else "blocking"), "", ""
    if controller == "nginx":
        return _modsecurity(index, notes)
    return (*_traefik_firewall(index, notes), "") if controller == "traefik" else ("none", "", "")


def _modsecurity(index: Index, notes: Mapping[str, str]) -> tuple[str, str, str]:
    """ModSecurity of ingress-nginx: its own file only detects, a snippet switches the engine on.

    The ConfigMap of the controller decides where the Ingress says nothing.
    """
    own = notes.get(f"{_NGINX}enable-modsecurity", "")
    snippet = notes.get(f"{_NGINX}modsecurity-snippet", "")
    if own == "false":
        return "none", "", ""
    if own == "true" and snippet:
        return _engine_mode(snippet), "", ""
    data = (part(found.body, "data") for found in index.of_kind(_CONFIG_MAP))
    known = {
        (text(entry, "enable-modsecurity"), text(entry, "modsecurity-snippet"))
        for entry in data
        if "enable-modsecurity" in entry
    }
    if len(known) > 1:
        why = "several ConfigMaps set ModSecurity, and which controller reads which is not known"
        return "unknown", why, ""
    switched, shared = next(iter(known), ("", ""))
    if own != "true" and switched != "true":
        return "none", "", "" if known else _CONFIG_MAP
    return _engine_mode(snippet or shared), "", "" if known else _CONFIG_MAP


def _engine_mode(snippet: str) -> str:
    engine = re.findall(r"(?im)^\s*SecRuleEngine\s+(\w+)", snippet)
    return "blocking" if engine and engine[-1].lower() == "on" else "detecting"


def _traefik_firewall(index: Index, notes: Mapping[str, str]) -> tuple[str, str]:
    """A firewall of Traefik is a plugin in a middleware."""
    named = notes.get("traefik.ingress.kubernetes.io/router.middlewares", "")
    middlewares, unseen = traefik_middlewares(index, named)
    modes = [engine_of(part(found.body, "spec", "plugin")) for found in middlewares]
    for mode in ("blocking", "detecting"):
        if mode in modes:
            return mode, ""
    return ("unknown", f"the middleware {unseen} of Traefik was not seen") if unseen else ("none", "")


def engine_of(configuration: Any) -> str:
    """Whether the configuration of Coraza, somewhere in a value, blocks: ``blocking``, ``detecting`` or empty."""
    written = json.dumps(configuration, default=str)
    engine = re.findall(r"SecRuleEngine\s+(\w+)", written)
    if engine:
        return "blocking" if engine[-1].lower() == "on" else "detecting"
    return "detecting" if "coraza" in written.lower() else ""
