"""Programs whose pages administer or watch the cluster, and whether people log in to them with single sign-on.

Sources: the names of the images that each project publishes, and its documentation of logins
(docs/facts/exposure.md names them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, Workload, maps, part, text

if TYPE_CHECKING:
    from assay.model.objects import KubeObject


class Tool(NamedTuple):
    """A program with an interface. ``login`` says that it asks for a login of its own out of the box."""

    name: str
    login: bool


_TOOLS = (
    (r"/kubernetesui/dashboard(-web|-api|-auth)?$", Tool("Kubernetes Dashboard", True)),
    (r"/kubernetes-dashboard(-[a-z0-9]+)?$", Tool("Kubernetes Dashboard", True)),
    (r"/headlamp$", Tool("Headlamp", True)),
    (r"/argoproj/argocd$|/argo-?cd$", Tool("Argo CD", True)),
    (r"/argoproj/argocli$|/argo-workflow-cli$", Tool("Argo Workflows", True)),
    (r"/(kubeflow[a-z-]*/|kf-)?centraldashboard(-[a-z]+)?$|/kubeflow/", Tool("Kubeflow", False)),
    (r"/weaveworks/scope$", Tool("Weave Scope", False)),
    (r"/jenkins/(jenkins|inbound-controller)$|/bitnami(legacy|secure)?/jenkins$|^/jenkins$", Tool("Jenkins", True)),
    (r"/(prom|prometheus|bitnami[a-z]*)/prometheus$", Tool("Prometheus", False)),
    (r"/(prom|prometheus|bitnami[a-z]*)/alertmanager$", Tool("Alertmanager", False)),
    (r"/grafana/grafana(-oss|-enterprise)?$|/bitnami[a-z]*/grafana$|/grafana$", Tool("Grafana", True)),
    (r"/kiali/kiali$", Tool("Kiali", False)),
    (r"/cilium/hubble-ui$|/hubble-ui$", Tool("Hubble UI", False)),
    (r"/longhornio/longhorn-ui$", Tool("Longhorn", False)),
)  # fmt: skip
_ANY = re.compile("|".join(pattern for pattern, _ in _TOOLS))
_PATTERNS = tuple((re.compile(pattern), tool) for pattern, tool in _TOOLS)
_GRAFANA = next(tool for _, tool in _TOOLS if tool.name == "Grafana")
# What operators run for one of their objects, by its kind.
_OPERATED = {
    "monitoring.coreos.com/Prometheus": Tool("Prometheus", False),
    "monitoring.coreos.com/Alertmanager": Tool("Alertmanager", False),
    "grafana.integreatly.org/Grafana": _GRAFANA,
    "argoproj.io/ArgoCD": Tool("Argo CD", True),
}
# Proxies that send a request to a login before they hand it on.
_PROXY = re.compile(
    r"/oauth2-proxy$|/(origin-|ose-)?oauth-proxy(-rhel\d)?$|/gatekeeper$|/gogatekeeper$|/vouch-proxy$|/authelia$"
    r"|/pomerium$"
)
_GRAFANA_LOGIN = r"(?:generic_oauth|github|gitlab|google|azuread|okta|grafana_com|saml|jwt|proxy)"
_GRAFANA_ENV = re.compile(rf"^GF_AUTH_{_GRAFANA_LOGIN}_ENABLED$", re.IGNORECASE)
# In grafana.ini, or as an entry of a ConfigMap that becomes the environment.
_GRAFANA_INI = re.compile(
    rf"\[auth\.{_GRAFANA_LOGIN}\][^\[]*?^\s*enabled\s*=\s*true|^GF_AUTH_{_GRAFANA_LOGIN}_ENABLED = (?:true|1)$",
    re.IGNORECASE | re.MULTILINE,
)
_JENKINS = re.compile(r"^\s*(oic|saml|openid|github|gitlabOAuth|googleOAuth2|azure|keycloak)\w*:", re.MULTILINE)


def image_path(container: Mapping[str, Any]) -> str:
    """The path of an image, with a slash before it and without registry port, tag and digest."""
    name = text(container, "image").split("@")[0]
    head, slash, last = name.rpartition("/")
    return f"/{head}{slash}{last.split(':')[0]}"


def tool_of(workload: Workload) -> Tool | None:
    """The program with an interface that a workload runs."""
    for container in maps(workload.view.spec, "containers"):
        path = image_path(container)
        if _ANY.search(path):
            return next(tool for pattern, tool in _PATTERNS if pattern.search(path))
    return None


def operated(index: Index, namespace: str | None, names: set[str]) -> Iterator[tuple[KubeObject, Tool]]:
    """Objects whose operator runs a program with an interface, where a label or a Service bears their name."""
    for kind, tool in _OPERATED.items():
        for found in index.in_namespace(kind, namespace):
            own = found.identity.name
            if own and any(name == own or name.startswith(f"{own}-") for name in names):
                yield found, tool


def proxy_ports(workload: Workload) -> set[Any]:
    """The ports, by number and by name, of the containers that make people log in."""
    return {
        port.get(field)
        for container in maps(workload.view.spec, "containers")
        if _PROXY.search(image_path(container))
        for port in maps(container, "ports")
        for field in ("containerPort", "name")
        if isinstance(port.get(field), (int, str))
    }


def signs_on(index: Index, tool: Tool, workload: Workload) -> bool | None:
    """Whether a program asks for single sign-on by its own settings; None where they were not seen."""
    if tool.name == "Argo CD":
        return _argo(index, workload.namespace)
    if tool.name not in ("Grafana", "Jenkins"):
        return False
    texts, unseen = _settings(index, workload)
    if tool.name == "Jenkins":
        stated = any("securityRealm" in written and _JENKINS.search(written) for written in texts)
        return True if stated else None
    for container in maps(workload.view.spec, "containers"):
        for entry in maps(container, "env"):
            if _GRAFANA_ENV.match(text(entry, "name")) and str(entry.get("value")).lower() in ("true", "1"):
                return True
    if any(_GRAFANA_INI.search(written) for written in texts):
        return True
    return None if unseen else False


def signs_on_operated(operated_by: KubeObject) -> bool | None:
    """The same for what an operator runs."""
    if operated_by.kind == "Grafana":
        config = part(operated_by.body, "spec", "config")
        logins = [value for key, value in config.items() if re.fullmatch(rf"auth\.{_GRAFANA_LOGIN}", key)]
        return any(str(part(value).get("enabled")).lower() == "true" for value in logins)
    if operated_by.kind == "ArgoCD":
        return bool(part(operated_by.body, "spec").get("oidcConfig") or part(operated_by.body, "spec").get("sso"))
    return False


def _argo(index: Index, namespace: str | None) -> bool | None:
    found = index.find("core/ConfigMap", namespace, "argocd-cm")
    if len(found) != 1:
        return None
    data = part(found[0].body, "data")
    return bool(data.get("oidc.config") or data.get("dex.config"))


def _settings(index: Index, workload: Workload) -> tuple[list[str], bool]:
    """The texts of the ConfigMaps that a workload reads, and whether some of its settings were not seen."""
    spec = workload.view.spec
    volumes = [*maps(spec, "volumes")]
    sources = [*volumes, *(source for volume in volumes for source in maps(volume, "projected", "sources"))]
    sources += [entry for container in maps(spec, "containers") for entry in maps(container, "envFrom")]
    names = {text(source, "configMap", "name") or text(source, "configMapRef", "name") for source in sources} - {""}
    unseen = any("secret" in source or "secretRef" in source or "csi" in source for source in sources)
    texts: list[str] = []
    for name in sorted(names):
        found = index.find("core/ConfigMap", workload.namespace, name)
        unseen = unseen or len(found) != 1
        for entry in found:
            texts += [value for value in part(entry.body, "data").values() if isinstance(value, str)]
            texts += [f"{key} = {value}" for key, value in part(entry.body, "data").items() if _GRAFANA_ENV.match(key)]
    return texts, unseen
