"""Which kinds live in a namespace.

The tables are generated from the discovery of Kubernetes 1.37 and from the custom resource definitions of the
operators that rules know: a group (``core`` is the one without a name), then its kinds.
"""

from __future__ import annotations

_CLUSTER = """
admissionregistration.k8s.io: MutatingAdmissionPolicy MutatingAdmissionPolicyBinding
  MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
  ValidatingWebhookConfiguration
apiextensions.k8s.io: CustomResourceDefinition
apiregistration.k8s.io: APIService
aquasecurity.github.io: ClusterComplianceReport
authentication.k8s.io: SelfSubjectReview TokenReview
authorization.k8s.io: SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview
cert-manager.io: ClusterIssuer
certificates.k8s.io: CertificateSigningRequest ClusterTrustBundle
core: ComponentStatus Namespace Node PersistentVolume
external-secrets.io: ClusterExternalSecret ClusterSecretStore
flowcontrol.apiserver.k8s.io: FlowSchema PriorityLevelConfiguration
gateway.networking.k8s.io: GatewayClass
karpenter.sh: NodeClaim NodePool
keda.sh: ClusterTriggerAuthentication
kyverno.io: ClusterPolicy
networking.k8s.io: IPAddress IngressClass ServiceCIDR
node.k8s.io: RuntimeClass
openreports.io: ClusterReport
policies.kyverno.io: ValidatingPolicy
rbac.authorization.k8s.io: ClusterRole ClusterRoleBinding
resource.k8s.io: DeviceClass DeviceTaintRule ResourceSlice
scheduling.k8s.io: PriorityClass
snapshot.storage.k8s.io: VolumeSnapshotClass VolumeSnapshotContent
storage.k8s.io: CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass
storagemigration.k8s.io: StorageVersionMigration
templates.gatekeeper.sh: ConstraintTemplate
wgpolicyk8s.io: ClusterPolicyReport
"""

_NAMESPACED = """
acid.zalan.do: postgresql
app.redislabs.com: RedisEnterpriseCluster RedisEnterpriseDatabase
apps: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
aquasecurity.github.io: ConfigAuditReport VulnerabilityReport
argoproj.io: AnalysisTemplate AppProject Application Rollout
authorization.k8s.io: LocalSubjectAccessReview
autoscaling: HorizontalPodAutoscaler
autoscaling.k8s.io: VerticalPodAutoscaler
barmancloud.cnpg.io: ObjectStore
batch: CronJob Job
beat.k8s.elastic.co: Beat
bitnami.com: SealedSecret
cert-manager.io: Certificate Issuer
certificates.k8s.io: PodCertificateRequest
coordination.k8s.io: Lease
core: Binding ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate
  ReplicationController ResourceQuota Secret Service ServiceAccount
databases.spotahome.com: RedisFailover
discovery.k8s.io: EndpointSlice
elasticsearch.k8s.elastic.co: Elasticsearch
events.k8s.io: Event
extensions.istio.io: TrafficExtension WasmPlugin
external-secrets.io: ExternalSecret SecretStore
gateway.networking.k8s.io: BackendTLSPolicy Gateway HTTPRoute TLSRoute
grafana.integreatly.org: Grafana GrafanaDashboard GrafanaDatasource
helm.toolkit.fluxcd.io: HelmRelease
keda.sh: ScaledJob ScaledObject TriggerAuthentication
kibana.k8s.elastic.co: Kibana
kustomize.toolkit.fluxcd.io: Kustomization
logstash.k8s.elastic.co: Logstash
loki.grafana.com: LokiStack
mongodb.com: MongoDB
mongodbcommunity.mongodb.com: MongoDBCommunity
monitoring.coreos.com: Alertmanager AlertmanagerConfig PodMonitor Prometheus PrometheusRule
  ServiceMonitor
networking.istio.io: DestinationRule EnvoyFilter Gateway ProxyConfig ServiceEntry Sidecar VirtualService
  WorkloadEntry WorkloadGroup
networking.k8s.io: Ingress NetworkPolicy
openreports.io: Report
opentelemetry.io: Instrumentation OpenTelemetryCollector
pgv2.percona.com: PerconaPGBackup PerconaPGRestore
policy: PodDisruptionBudget
policy.linkerd.io: AuthorizationPolicy MeshTLSAuthentication NetworkAuthentication Server
  ServerAuthorization
postgresql.cnpg.io: Backup Cluster Pooler ScheduledBackup
psmdb.percona.com: PerconaServerMongoDB PerconaServerMongoDBBackup
pxc.percona.com: PerconaXtraDBCluster PerconaXtraDBClusterBackup PerconaXtraDBClusterRestore
rbac.authorization.k8s.io: Role RoleBinding
redis.redis.opstreelabs.in: Redis
resource.k8s.io: ResourceClaim ResourceClaimTemplate
secrets-store.csi.x-k8s.io: SecretProviderClass
security.istio.io: AuthorizationPolicy PeerAuthentication RequestAuthentication
snapshot.storage.k8s.io: VolumeSnapshot
source.toolkit.fluxcd.io: GitRepository HelmRepository OCIRepository
storage.k8s.io: CSIStorageCapacity
tekton.dev: Pipeline Task
telemetry.istio.io: Telemetry
velero.io: Backup BackupStorageLocation Schedule VolumeSnapshotLocation
wgpolicyk8s.io: PolicyReport
"""


def _table() -> dict[str, bool]:
    found: dict[str, bool] = {}
    for text, namespaced in ((_CLUSTER, False), (_NAMESPACED, True)):
        group = ""
        for word in text.split():
            if word.endswith(":"):
                group = word[:-1]
            else:
                found[f"{group}/{word}"] = namespaced
    return found


NAMESPACED: dict[str, bool] = _table()
"""``group/Kind`` -> whether its objects live in a namespace; kinds that are not here are not known."""
