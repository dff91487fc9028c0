"""What objects refer to by name, and whether it exists.

Source of every route: the Kubernetes API reference for built-in kinds, and the definitions of the custom resources
for the others (docs/facts/references.md names them). A default that the server or a controller fills in is written
beside the route.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import annotations_of, items, maps, part, text
from assay.facts.interface import Fact, Table
from assay.kinds import NAMESPACED
from assay.model.objects import UNSET_NAMESPACE
from assay.workloads import CONTAINER_LISTS, TEMPLATES

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

SECRET = "core/Secret"  # noqa: S105  # a kind
CONFIG_MAP = "core/ConfigMap"
_SERVICE = "core/Service"
_ACCOUNT = "core/ServiceAccount"
_CLAIM = "core/PersistentVolumeClaim"
_CLASS = "storage.k8s.io/StorageClass"
_GATEWAY = "gateway.networking.k8s.io"


class To(NamedTuple):
    """How a reference is written at a route.

    ``kind`` is the ``group/Kind`` that is meant, or the default where the reference ``names`` its kind itself.
    ``name``, ``key`` and ``namespace`` are fields of the reference; where it is a text, that is the name. ``only``
    is the kind that counts where a list mixes several, ``otherwise`` the key that is meant where none is named.
    """

    kind: str
    name: str = "name"
    key: str = ""
    namespace: str = ""
    names: bool = False
    only: str = ""
    otherwise: str = ""


_ENTRY = {SECRET: To(SECRET, key="key"), CONFIG_MAP: To(CONFIG_MAP, key="key")}
# Webhooks and aggregated APIs call port 443 where they name none.
_WEBHOOK = To(_SERVICE, key="port", namespace="namespace", otherwise="443")
_TARGET = To("core/", names=True)
_PARENT = To(f"{_GATEWAY}/Gateway", namespace="namespace", names=True)
_BACKEND = To(_SERVICE, key="port", namespace="namespace", names=True)

# Routes in the effective Pod, all of the Pod API reference.
_POD: dict[str, To] = {
    "serviceAccountName": To(_ACCOUNT),
    "imagePullSecrets[*]": To(SECRET),
    "priorityClassName": To("scheduling.k8s.io/PriorityClass"),
    "runtimeClassName": To("node.k8s.io/RuntimeClass"),
    "resourceClaims[*].resourceClaimName": To("resource.k8s.io/ResourceClaim"),
    "resourceClaims[*].resourceClaimTemplateName": To("resource.k8s.io/ResourceClaimTemplate"),
    "volumes[*].secret": To(SECRET, name="secretName", key="items"),
    "volumes[*].configMap": To(CONFIG_MAP, key="items"),
    "volumes[*].persistentVolumeClaim": To(_CLAIM, name="claimName"),
    "volumes[*].projected.sources[*].secret": To(SECRET, key="items"),
    "volumes[*].projected.sources[*].configMap": To(CONFIG_MAP, key="items"),
    "volumes[*].ephemeral.volumeClaimTemplate.spec.storageClassName": To(_CLASS),
    "volumes[*].csi.nodePublishSecretRef": To(SECRET),
    # The CSI driver of the Secrets Store reads the class from the attributes of the volume.
    "volumes[*].csi.volumeAttributes.secretProviderClass": To("secrets-store.csi.x-k8s.io/SecretProviderClass"),
    "volumes[*].azureFile": To(SECRET, name="secretName"),
    "volumes[*].cephfs.secretRef": To(SECRET),
    "volumes[*].cinder.secretRef": To(SECRET),
    "volumes[*].flexVolume.secretRef": To(SECRET),
    "volumes[*].iscsi.secretRef": To(SECRET),
    "volumes[*].rbd.secretRef": To(SECRET),
    "volumes[*].scaleIO.secretRef": To(SECRET),
    "volumes[*].storageos.secretRef": To(SECRET),
    **{
        f"{containers}[*].{route}": to
        for containers in CONTAINER_LISTS
        for route, to in (
            ("env[*].valueFrom.secretKeyRef", _ENTRY[SECRET]),
            ("env[*].valueFrom.configMapKeyRef", _ENTRY[CONFIG_MAP]),
            ("envFrom[*].secretRef", To(SECRET)),
            ("envFrom[*].configMapRef", To(CONFIG_MAP)),
        )
    },
}

_ENDPOINT: dict[str, To] = {
    "basicAuth.username": _ENTRY[SECRET],
    "basicAuth.password": _ENTRY[SECRET],
    "authorization.credentials": _ENTRY[SECRET],
    "bearerTokenSecret": _ENTRY[SECRET],
    "oauth2.clientSecret": _ENTRY[SECRET],
    "tlsConfig.keySecret": _ENTRY[SECRET],
    "tlsConfig.ca.secret": _ENTRY[SECRET],
    "tlsConfig.ca.configMap": _ENTRY[CONFIG_MAP],
    "tlsConfig.cert.secret": _ENTRY[SECRET],
    "tlsConfig.cert.configMap": _ENTRY[CONFIG_MAP],
}
_S3 = ("accessKeyId", "secretAccessKey", "sessionToken", "region")
_BINDING = {
    "roleRef": To("rbac.authorization.k8s.io/Role", names=True),
    "subjects[*]": To(_ACCOUNT, namespace="namespace", only="ServiceAccount"),
}
_ROUTE = {"spec.parentRefs[*]": _PARENT, "spec.rules[*].backendRefs[*]": _BACKEND}

# group/Kind -> its routes; what has a pod template has those of the Pod as well.
_OBJECTS: dict[str, dict[str, To]] = {
    "core/ServiceAccount": {"secrets[*]": To(SECRET), "imagePullSecrets[*]": To(SECRET)},
    _CLAIM: {
        "spec.storageClassName": To(_CLASS),
        "spec.volumeName": To("core/PersistentVolume"),
        "spec.dataSource": _TARGET,
    },
    "core/PersistentVolume": {
        "spec.storageClassName": To(_CLASS),
        "spec.claimRef": To(_CLAIM, namespace="namespace"),
    },
    "apps/StatefulSet": {
        "spec.serviceName": To(_SERVICE),
        "spec.volumeClaimTemplates[*].spec.storageClassName": To(_CLASS),
    },
    "autoscaling/HorizontalPodAutoscaler": {"spec.scaleTargetRef": _TARGET},
    "autoscaling.k8s.io/VerticalPodAutoscaler": {"spec.targetRef": _TARGET},
    # KEDA: apps/v1 and Deployment where the target names none.
    "keda.sh/ScaledObject": {
        "spec.scaleTargetRef": To("apps/Deployment", names=True),
        "spec.triggers[*].authenticationRef": To("keda.sh/TriggerAuthentication", names=True),
    },
    "keda.sh/ScaledJob": {"spec.triggers[*].authenticationRef": To("keda.sh/TriggerAuthentication", names=True)},
    "keda.sh/TriggerAuthentication": {
        "spec.secretTargetRef[*]": _ENTRY[SECRET],
        "spec.configMapTargetRef[*]": _ENTRY[CONFIG_MAP],
    },
    "rbac.authorization.k8s.io/RoleBinding": _BINDING,
    "rbac.authorization.k8s.io/ClusterRoleBinding": _BINDING,
    "networking.k8s.io/Ingress": {
        "spec.ingressClassName": To("networking.k8s.io/IngressClass"),
        "spec.defaultBackend.service": To(_SERVICE, key="port"),
        "spec.rules[*].http.paths[*].backend.service": To(_SERVICE, key="port"),
        "spec.tls[*].secretName": To(SECRET),
    },
    f"{_GATEWAY}/Gateway": {
        "spec.gatewayClassName": To(f"{_GATEWAY}/GatewayClass"),
        "spec.listeners[*].tls.certificateRefs[*]": To(SECRET, namespace="namespace", names=True),
    },
    f"{_GATEWAY}/HTTPRoute": _ROUTE,
    f"{_GATEWAY}/TLSRoute": _ROUTE,
    f"{_GATEWAY}/BackendTLSPolicy": {
        "spec.targetRefs[*]": To(_SERVICE, names=True),
        "spec.validation.caCertificateRefs[*]": To(CONFIG_MAP, names=True),
    },
    **{
        f"admissionregistration.k8s.io/{kind}WebhookConfiguration": {"webhooks[*].clientConfig.service": _WEBHOOK}
        for kind in ("Validating", "Mutating")
    },
    **{
        f"admissionregistration.k8s.io/{kind}AdmissionPolicyBinding": {
            "spec.policyName": To(f"admissionregistration.k8s.io/{kind}AdmissionPolicy")
        }
        for kind in ("Validating", "Mutating")
    },
    "apiregistration.k8s.io/APIService": {"spec.service": _WEBHOOK},
    "apiextensions.k8s.io/CustomResourceDefinition": {"spec.conversion.webhook.clientConfig.service": _WEBHOOK},
    "snapshot.storage.k8s.io/VolumeSnapshot": {
        "spec.volumeSnapshotClassName": To("snapshot.storage.k8s.io/VolumeSnapshotClass"),
        "spec.source.persistentVolumeClaimName": To(_CLAIM),
    },
    "cert-manager.io/Certificate": {"spec.issuerRef": To("cert-manager.io/Issuer", names=True)},
    "cert-manager.io/Issuer": {"spec.ca.secretName": To(SECRET)},
    "external-secrets.io/ExternalSecret": {
        "spec.secretStoreRef": To("external-secrets.io/SecretStore", names=True),
        "spec.data[*].sourceRef.storeRef": To("external-secrets.io/SecretStore", names=True),
    },
    "external-secrets.io/ClusterExternalSecret": {
        "spec.externalSecretSpec.secretStoreRef": To("external-secrets.io/SecretStore", names=True),
    },
    "monitoring.coreos.com/ServiceMonitor": {f"spec.endpoints[*].{route}": to for route, to in _ENDPOINT.items()},
    "monitoring.coreos.com/PodMonitor": {f"spec.podMetricsEndpoints[*].{route}": to for route, to in _ENDPOINT.items()},
    "monitoring.coreos.com/Prometheus": {"spec.serviceAccountName": To(_ACCOUNT)},
    "monitoring.coreos.com/Alertmanager": {
        "spec.serviceAccountName": To(_ACCOUNT),
        "spec.configSecret": To(SECRET),
    },
    "postgresql.cnpg.io/Cluster": {
        "spec.superuserSecret": To(SECRET),
        "spec.bootstrap.initdb.secret": To(SECRET),
        "spec.certificates.serverCASecret": To(SECRET),
        "spec.certificates.serverTLSSecret": To(SECRET),
        "spec.certificates.clientCASecret": To(SECRET),
        "spec.certificates.replicationTLSSecret": To(SECRET),
        "spec.storage.storageClass": To(_CLASS),
        "spec.walStorage.storageClass": To(_CLASS),
        **{f"spec.backup.barmanObjectStore.s3Credentials.{field}": _ENTRY[SECRET] for field in _S3},
    },
    "postgresql.cnpg.io/Pooler": {"spec.cluster": To("postgresql.cnpg.io/Cluster")},
    "postgresql.cnpg.io/Backup": {"spec.cluster": To("postgresql.cnpg.io/Cluster")},
    "postgresql.cnpg.io/ScheduledBackup": {"spec.cluster": To("postgresql.cnpg.io/Cluster")},
    "barmancloud.cnpg.io/ObjectStore": {f"spec.configuration.s3Credentials.{field}": _ENTRY[SECRET] for field in _S3},
    "velero.io/BackupStorageLocation": {"spec.credential": _ENTRY[SECRET]},
    "velero.io/Backup": {"spec.storageLocation": To("velero.io/BackupStorageLocation")},
    "velero.io/Schedule": {"spec.template.storageLocation": To("velero.io/BackupStorageLocation")},
    "argoproj.io/Rollout": {
        "spec.workloadRef": _TARGET,
        "spec.strategy.canary.stableService": To(_SERVICE),
        "spec.strategy.canary.canaryService": To(_SERVICE),
        "spec.strategy.blueGreen.activeService": To(_SERVICE),
        "spec.strategy.blueGreen.previewService": To(_SERVICE),
    },
}

# What every cluster has without anybody writing it: the API server, its controllers and the scheduler make them
# (RBAC, "Default roles"; ServiceAccounts; "Publishing the cluster CA"; Priority and preemption).
_BUILT_IN_ROLES = ("cluster-admin", "admin", "edit", "view")
_CLASSES = ("system-cluster-critical", "system-node-critical")

# Their operators make objects that bear their names, with something before or after it: certificates, passwords,
# Services, StatefulSets. Source: the documentation of each operator.
_OPERATED = (
    "postgresql.cnpg.io/Cluster", "postgresql.cnpg.io/Pooler", "acid.zalan.do/postgresql",
    "pxc.percona.com/PerconaXtraDBCluster", "psmdb.percona.com/PerconaServerMongoDB", "mongodb.com/MongoDB",
    "mongodbcommunity.mongodb.com/MongoDBCommunity", "redis.redis.opstreelabs.in/Redis",
    "app.redislabs.com/RedisEnterpriseCluster", "app.redislabs.com/RedisEnterpriseDatabase",
    "databases.spotahome.com/RedisFailover", "elasticsearch.k8s.elastic.co/Elasticsearch",
    "kibana.k8s.elastic.co/Kibana", "logstash.k8s.elastic.co/Logstash", "beat.k8s.elastic.co/Beat",
    "monitoring.coreos.com/Prometheus", "monitoring.coreos.com/Alertmanager", "loki.grafana.com/LokiStack",
    "grafana.integreatly.org/Grafana", "opentelemetry.io/OpenTelemetryCollector", "keda.sh/ScaledObject",
)  # fmt: skip

# The annotations by which cert-manager makes the certificate of an Ingress or a Gateway, as its documentation says.
_CERTIFICATE_MARKS = ("cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme")

_Tree = dict[str, Any]


class References(Fact):
    """``facts.references``: {to: [{kind, namespace, name, key, optional, route, exists, missing, unknown}]}.

    ``exists`` is True or False only where that is certain, so nothing unseen turns it; else it is None and
    ``unknown`` says why.
    """

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._known: dict[tuple[str, str | None, str, str], tuple[bool | None, str, str]] = {}
        self._found: dict[int, dict[str, Any]] = {}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """Every name that an object refers to."""
        known = self._found.get(id(obj))
        if known is None:
            found: list[tuple[str, To, Any]] = []
            _walk(obj.body, routes().get(obj.group_kind, {}), "", found)
            to = [entry for route, how, value in found for entry in self._entries(obj, route, how, value)]
            known = self._found[id(obj)] = {"to": to}
        return known

    def table(self) -> Table:
        """One row for each reference."""
        rows = []
        for obj in self.index.world.objects:
            found = self.of(obj)
            for entry in found["to"] if isinstance(found, dict) else ():
                identity = obj.identity
                key = f"{entry['name']}/{entry['key']}" if entry["key"] else entry["name"]
                place = (identity.namespace, obj.kind, identity.name, entry["route"])
                rows.append((*place, entry["kind"], entry["namespace"], key, entry["exists"], entry["unknown"]))
        columns = ("namespace", "kind", "name", "route", "to", "in", "called", "exists", "why that is not known")
        return Table(columns, tuple(rows))

    def target(self, kind: str, namespace: str | None, name: str, key: str = "") -> dict[str, Any]:
        """Whether something exists: {exists, missing, unknown} as in ``to``."""
        known = self._known.get((kind, namespace, name, key))
        if known is None:
            known = self._known[(kind, namespace, name, key)] = self._exists(kind, namespace, name, key)
        return dict(zip(("exists", "missing", "unknown"), known, strict=True))

    def makers(self, namespace: str | None, name: str) -> list[str]:
        """What says that it makes a Secret of a name: its kind and its name."""
        return self._makers.get((namespace, name), [])

    def _entries(self, obj: KubeObject, route: str, to: To, value: Any) -> Iterator[dict[str, Any]]:
        reference = {to.name: value} if isinstance(value, str) else value
        if not isinstance(reference, dict):
            return
        name = text(reference, to.name)
        if not name or (to.only and text(reference, "kind") != to.only):
            return
        kind = _kind(reference, to.kind) if to.names else to.kind
        own = text(reference, to.namespace) if to.namespace else ""
        namespace = (own or obj.identity.namespace) if NAMESPACED.get(kind, True) else None
        for suffix, key in _keys(reference, to.key, to.otherwise):
            yield {
                "kind": kind,
                "namespace": namespace or "",
                "name": name,
                "key": key,
                "optional": reference.get("optional") is True,
                "route": route + suffix,
                **self.target(kind, namespace, name, key),
            }

    def _exists(self, kind: str, namespace: str | None, name: str, key: str) -> tuple[bool | None, str, str]:
        """(exists, what is missing, why that is not known)."""
        called = f"{kind.rpartition('/')[2]} {name}"
        if namespace is None and NAMESPACED.get(kind, True):
            return None, "", f"the namespace of {called} is not known"
        found = self.index.find(kind, namespace, name)
        if len(found) > 1:
            return None, "", f"{called} is defined twice"
        if found:
            held = _holds(found[0], key) if key else True
            if held is None:
                return None, "", f"what fills {called} is not known"
            return held, "" if held else "key", ""
        if _built_in(kind, namespace, name):
            return True, "", ""
        doubt = self._doubt(kind, namespace, name, called)
        return (None, "", doubt) if doubt else (False, "object", "")

    def _doubt(self, kind: str, namespace: str | None, name: str, called: str) -> str:
        """Why something that was not seen may exist all the same."""
        maker = self._maker(kind, namespace, name)
        if maker:
            return f"{called} may be made by {maker}"
        if kind not in NAMESPACED:
            return f"nothing is known about the kind {kind}"
        # Helm writes its namespace into references and often not into the objects.
        places = self._placed.get((kind, name), set())
        if places and UNSET_NAMESPACE in (namespace, *places):
            return f"{called} is in a namespace that is not known"
        # What it refers to may be elsewhere than what refers.
        return "" if self.facts.seen(kind, namespace) else f"{called} was not seen, and may exist"

    def _maker(self, kind: str, namespace: str | None, name: str) -> str:
        if kind == SECRET and (makers := self.makers(namespace, name)):
            return makers[0]
        if kind == SECRET and name in self._everywhere:
            return self._everywhere[name]
        for maker in self._operated.get(namespace, ()):
            if maker.identity.name and maker.identity.name in name:
                return f"the operator of {maker.kind} {maker.identity.name}"
        return ""

    @cached_property
    def _makers(self) -> dict[tuple[str | None, str], list[str]]:
        """(namespace, name) of a Secret -> what makes it."""
        found: dict[tuple[str | None, str], list[str]] = {}
        for kind, name in (
            ("cert-manager.io/Certificate", lambda o: text(o.body, "spec", "secretName")),
            ("external-secrets.io/ExternalSecret", _external),
            (
                "bitnami.com/SealedSecret",
                lambda o: text(o.body, "spec", "template", "metadata", "name") or o.identity.name,
            ),
            ("cert-manager.io/Issuer", lambda o: text(o.body, "spec", "acme", "privateKeySecretRef", "name")),
        ):
            for obj in self.index.of_kind(kind):
                made = name(obj)
                if made:
                    found.setdefault((obj.identity.namespace, made), []).append(f"{obj.kind} {obj.identity.name}")
        for obj in self.index.of_kind("secrets-store.csi.x-k8s.io/SecretProviderClass"):
            for entry in maps(obj.body, "spec", "secretObjects"):
                place = (obj.identity.namespace, text(entry, "secretName"))
                found.setdefault(place, []).append(f"SecretProviderClass {obj.identity.name}")
        for obj in self.index.of_kind("networking.k8s.io/Ingress", f"{_GATEWAY}/Gateway"):
            if not any(mark in annotations_of(part(obj.body, "metadata")) for mark in _CERTIFICATE_MARKS):
                continue
            names = [text(tls, "secretName") for tls in maps(obj.body, "spec", "tls")]
            for listener in maps(obj.body, "spec", "listeners"):
                names += [text(entry, "name") for entry in maps(listener, "tls", "certificateRefs")]
            for made in names:
                found.setdefault((obj.identity.namespace, made), []).append(f"{obj.kind} {obj.identity.name}")
        return found

    @cached_property
    def _everywhere(self) -> dict[str, str]:
        """Name of a Secret -> what makes it in namespaces that it selects itself."""
        found = {}
        for obj in self.index.of_kind("external-secrets.io/ClusterExternalSecret"):
            spec = part(obj.body, "spec")
            own = text(spec, "externalSecretName") or obj.identity.name
            made = text(spec, "externalSecretSpec", "target", "name") or own
            found[made] = f"{obj.kind} {obj.identity.name}"
        return found

    @cached_property
    def _placed(self) -> dict[tuple[str, str], set[str | None]]:
        """(kind, name) -> the namespaces that have one."""
        found: dict[tuple[str, str], set[str | None]] = {}
        for obj in self.index.world.objects:
            found.setdefault((obj.group_kind, obj.identity.name), set()).add(obj.identity.namespace)
        return found

    @cached_property
    def _operated(self) -> dict[str | None, list[KubeObject]]:
        found: dict[str | None, list[KubeObject]] = {}
        for obj in self.index.of_kind(*_OPERATED):
            found.setdefault(obj.identity.namespace, []).append(obj)
        return found


def _external(obj: KubeObject) -> str:
    """The Secret that an ExternalSecret makes: none where the policy is to make none (its API reference)."""
    policy = text(obj.body, "spec", "target", "creationPolicy")
    return "" if policy in ("None", "Merge") else text(obj.body, "spec", "target", "name") or obj.identity.name


def _kind(reference: Mapping[str, Any], otherwise: str) -> str:
    """The ``group/Kind`` that a reference names: ``apiVersion``, ``apiGroup`` or ``group``, and ``kind``."""
    group, _, kind = otherwise.partition("/")
    if isinstance(reference.get("apiVersion"), str):
        group = reference["apiVersion"].rpartition("/")[0] or "core"
    for field in ("apiGroup", "group"):
        if isinstance(reference.get(field), str):
            group = reference[field] or "core"
    return f"{group}/{text(reference, 'kind') or kind}"


def _keys(reference: Mapping[str, Any], field: str, otherwise: str) -> list[tuple[str, str]]:
    """The (end of the route, key) pairs of a reference; one with an empty key where the whole object is meant.

    The key of a Service is its port, by number or by name.
    """
    if field == "items":
        named = [(f".items[{i}]", text(item, "key")) for i, item in enumerate(items(reference, "items"))]
        return [entry for entry in named if entry[1]] or [("", "")]
    value = reference.get(field)
    if isinstance(value, Mapping):
        value = value.get("number", value.get("name"))
    return [("", str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else otherwise)]


def _holds(obj: KubeObject, key: str) -> bool | None:
    """Whether an object has an entry; None where a controller or somebody outside may fill it."""
    if obj.group_kind == _SERVICE:
        if text(obj.body, "spec", "type") == "ExternalName":
            return True
        return any(key in (str(port.get("port")), port.get("name")) for port in maps(obj.body, "spec", "ports"))
    if obj.group_kind not in (SECRET, CONFIG_MAP):
        return True
    entries = [name for field in ("data", "stringData", "binaryData") for name in part(obj.body, field)]
    return (key in entries) if entries else None


def _built_in(kind: str, namespace: str | None, name: str) -> bool:
    """Whether every cluster has it."""
    return (
        (kind == _ACCOUNT and name == "default")
        or (kind == CONFIG_MAP and name == "kube-root-ca.crt")
        or (kind == _SERVICE and (namespace, name) == ("default", "kubernetes"))
        or (kind == "scheduling.k8s.io/PriorityClass" and name in _CLASSES)
        or (kind == "rbac.authorization.k8s.io/ClusterRole" and (name in _BUILT_IN_ROLES or name.startswith("system:")))
    )


def _walk(value: Any, tree: _Tree, route: str, found: list[tuple[str, To, Any]]) -> None:
    """Collect the references of an object: (route, how it is written, value)."""
    for step, below in tree.items():
        if step == "":
            found.append((route, below, value))
        elif step == "[*]":
            for number, item in enumerate(value if isinstance(value, list) else ()):
                _walk(item, below, f"{route}[{number}]", found)
        elif isinstance(value, dict) and step in value:
            _walk(value[step], below, f"{route}.{step}" if route else step, found)


_TREES: dict[str, _Tree] = {}


def routes() -> dict[str, _Tree]:
    """The routes of each kind as a tree of steps: a branch that an object lacks is never tried further."""
    if not _TREES:
        for kind in (*TEMPLATES, *_OBJECTS):
            start = ".".join(map(str, (*TEMPLATES[kind], "spec"))) if kind in TEMPLATES else ""
            written = {f"{start}.{route}": to for route, to in _POD.items()} if start else {}
            tree: _Tree = {}
            for route, to in {**written, **_OBJECTS.get(kind, {})}.items():
                node = tree
                for step in route.replace("[*]", ".[*]").split("."):
                    node = node.setdefault(step, {})
                node[""] = to
            _TREES[kind] = tree
    return _TREES
