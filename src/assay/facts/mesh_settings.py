"""What meshes are told in ConfigMaps: Istio's mesh configuration, Linkerd's values, Cilium's settings.

Sources: Istio's reference of MeshConfig (``rootNamespace``, ``enableAutoMtls``, ``outboundTrafficPolicy``,
``accessLogFile``, ``defaultProviders``), the charts of Istio (ConfigMap ``istio`` or ``istio-<revision>``, key
``mesh``) and of Linkerd (ConfigMap ``linkerd-config``, key ``values``), and Cilium's pages on transparent encryption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from assay.documents import Document, read_documents
from assay.facts.index import Index, items, part, text

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

CONFIG_MAP = "core/ConfigMap"
DEFAULT_ROOT = "istio-system"
"""The root namespace of a mesh that names none (Istio, MeshConfig)."""

LINKERD_POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "deny",
    "audit",
)
"""The default inbound policies that Linkerd knows (Linkerd, Authorization Policy, Default policies)."""

_ENCRYPTIONS = {"enable-wireguard": "wireguard", "enable-ipsec": "ipsec", "enable-ztunnel": "ztunnel"}


class MeshConfig(NamedTuple):
    """One mesh configuration of Istio, with its defaults filled in.

    ``problem`` says why it cannot be read; then the other values are those of an empty one.
    """

    object: KubeObject
    root: str
    auto_mtls: bool
    egress: str
    access_log: bool
    problem: str


def mesh_configs(index: Index) -> list[MeshConfig]:
    """Every mesh configuration of a world, one for each revision that is installed."""
    return [
        _mesh_config(obj)
        for obj in index.of_kind(CONFIG_MAP)
        if (obj.identity.name == "istio" or obj.identity.name.startswith("istio-")) and "mesh" in part(obj.body, "data")
    ]


def _mesh_config(obj: KubeObject) -> MeshConfig:
    read = _yaml_map(part(obj.body, "data").get("mesh"))
    mesh = read or {}
    logs = mesh.get("accessLogFile")
    return MeshConfig(
        obj,
        text(mesh, "rootNamespace") or DEFAULT_ROOT,
        mesh.get("enableAutoMtls") is not False,
        text(mesh, "outboundTrafficPolicy", "mode") or "ALLOW_ANY",
        (isinstance(logs, str) and logs != "") or items(mesh, "defaultProviders", "accessLogging") != [],
        "" if read is not None else f"the mesh configuration in ConfigMap {obj.identity.name} cannot be read",
    )


class Known(NamedTuple):
    """A setting, or why it is not known (``value`` is then empty)."""

    value: str
    unknown: str = ""


def linkerd_default_policy(index: Index) -> Known:
    """The inbound policy of workloads that name none."""
    found = [obj for obj in index.of_kind(CONFIG_MAP) if obj.identity.name == "linkerd-config"]
    if not found:
        return Known("", "the default inbound policy of Linkerd was not seen (ConfigMap linkerd-config)")
    policies = set()
    for obj in found:
        values = _yaml_map(part(obj.body, "data").get("values"))
        if values is None:
            return Known("", "the values in ConfigMap linkerd-config cannot be read")
        policies.add(text(values, "proxy", "defaultInboundPolicy") or LINKERD_POLICIES[0])
    if len(policies) > 1 or not policies <= set(LINKERD_POLICIES):
        return Known("", "ConfigMap linkerd-config names no single inbound policy that Linkerd knows")
    return Known(policies.pop())


def cilium_encryption(index: Index) -> Known:
    """How Cilium encrypts between nodes: ``wireguard``, ``ipsec``, ``ztunnel`` or ``none``."""
    found = [part(obj.body, "data") for obj in index.of_kind(CONFIG_MAP) if obj.identity.name == "cilium-config"]
    if not found:
        return Known("", "the settings of Cilium were not seen (ConfigMap cilium-config)")
    ways = {next((way for key, way in _ENCRYPTIONS.items() if data.get(key) == "true"), "none") for data in found}
    return Known(ways.pop()) if len(ways) == 1 else Known("", "several ConfigMaps cilium-config contradict each other")


def _yaml_map(value: Any) -> dict[str, Any] | None:
    """The map that a text holds as its one YAML document; an empty text is an empty map."""
    if not isinstance(value, str):
        return None
    found = list(read_documents(value))
    if not found:
        return {}
    document = found[0]
    if len(found) > 1 or not isinstance(document, Document) or not isinstance(document.value, dict):
        return None
    return document.value
