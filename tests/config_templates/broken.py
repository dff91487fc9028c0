"""One changed line each that breaks one rule, in a values file or in a template."""

from __future__ import annotations

from dataclasses import dataclass

POSTGRESQL, HARDENING, MONITORING = "postgresql_ha_cluster", "security_hardening", "monitoring_observability"
REDIS, MONGODB = "redis_enterprise_cluster", "mongodb_sharded_cluster"
STACKS = (POSTGRESQL, REDIS, MONGODB, HARDENING, MONITORING)
OVERRIDES = "production_overrides.yaml"
TOP = "environment: production\n"


@dataclass(frozen=True)
class Broken:
    """A change of one file that breaks one rule, at the last line of what the change writes."""

    stack: str
    rule: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.rule}-in-{self.stack}-{self.file}"


def override(stack: str, rule: str, text: str) -> Broken:
    """A production override of a part of the values that production does not override yet."""
    return Broken(stack, rule, OVERRIDES, TOP, f"{TOP}\n{text}\n")


def template(stack: str, rule: str, file: str, old: str, new: str) -> Broken:
    """A changed line of a template."""
    return Broken(stack, rule, f"{file}.yaml.j2", old, new)


BROKEN = (
    override(POSTGRESQL, "cnpg-client-tls-required", "tls:\n  enabled: false"),
    Broken(POSTGRESQL, "cnpg-backup-encrypted", OVERRIDES, "backup:\n", "backup:\n  encryption: none\n"),
    Broken(POSTGRESQL, "cnpg-high-availability", OVERRIDES, "cluster:\n", "cluster:\n  instances: 2\n"),
    Broken(POSTGRESQL, "cnpg-superuser-access-off", OVERRIDES, "cluster:\n", "cluster:\n  superuser_access: true\n"),
    Broken(POSTGRESQL, "cnpg-backup-retention-bounded", OVERRIDES, "retention_days: 90", "retention_days: 1"),
    Broken(
        POSTGRESQL,
        "storage-class-customer-managed-key",
        OVERRIDES,
        "storage:\n",
        "storage:\n  kms_key: alias/aws/ebs\n",
    ),
    template(
        POSTGRESQL,
        "default-service-account-no-automount",
        "namespace",
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
    ),
    override(HARDENING, "istio-destination-rule-tls-not-disabled", "mesh:\n  client_tls: DISABLE"),
    override(HARDENING, "namespace-pod-security-enforced-restricted", "pod_security:\n  enforce: baseline"),
    Broken(HARDENING, "velero-schedule-active", OVERRIDES, "backup:\n", "backup:\n  paused: true\n"),
    Broken(HARDENING, "velero-schedule-retention-bounded", OVERRIDES, "_hours: 2160", "_hours: 24"),
    Broken(HARDENING, "container-read-only-root-filesystem", OVERRIDES, "app:\n", "app:\n  read_only_root: false\n"),
    Broken(HARDENING, "container-no-privilege-escalation", OVERRIDES, "app:\n", "app:\n  privilege_escalation: true\n"),
    Broken(
        HARDENING,
        "image-pinned-by-digest",
        OVERRIDES,
        "app:\n",
        "app:\n  image: registry.example.com/shop/checkout:2.8.2\n",
    ),
    template(HARDENING, "role-no-wildcard-verbs", "rbac", "verbs: [get, watch]", 'verbs: ["*"]'),
    template(HARDENING, "container-drops-all-capabilities", "application", "drop: [ALL]", "drop: [NET_RAW]"),
    template(HARDENING, "istio-authorization-no-allow-all", "mesh", "spec: {}", "spec: {rules: [{}]}"),
    Broken(MONITORING, "prometheus-admin-api-off", OVERRIDES, "prometheus:\n", "prometheus:\n  admin_api: true\n"),
    override(
        MONITORING,
        "image-pinned-by-digest",
        "kube_state_metrics:\n  image: registry.example.com/kubernetes/kube-state-metrics:v2.16.0",
    ),
    template(
        MONITORING,
        "network-policy-not-allow-all-egress",
        "network",
        "    - to:\n        {{ block(network.paging_cidr) | indent(8) }}",
        "    - to: [{ipBlock: {cidr: 0.0.0.0/0}}]",
    ),
    template(
        MONITORING,
        "service-monitor-tls-verified",
        "targets",
        '        {{ common.verified("prometheus", name) | indent(8) }}\n',
        "        insecureSkipVerify: true\n",
    ),
    template(
        MONITORING,
        "alert-severity-labels-present",
        "objectives",
        "> {{ slo.recovery_seconds }}\n          labels:\n            severity: critical",
        "> {{ slo.recovery_seconds }}\n          labels:\n            severity: urgent",
    ),
    template(MONITORING, "container-drops-all-capabilities", "_common", "drop: [ALL]", "drop: [NET_RAW]"),
    template(
        MONITORING,
        "container-no-privilege-escalation",
        "_common",
        "allowPrivilegeEscalation: false",
        "allowPrivilegeEscalation: true",
    ),
    template(
        MONITORING,
        "default-service-account-no-automount",
        "rbac",
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
    ),
    Broken(
        REDIS,
        "storage-class-customer-managed-key",
        OVERRIDES,
        "storage:\n",
        "storage:\n  kms_key: alias/aws/ebs\n",
    ),
    template(
        REDIS,
        "network-policy-ports-limited",
        "network",
        "      ports:\n        - protocol: TCP\n          port: 8070",
        "      ports: []",
    ),
    template(REDIS, "role-no-wildcard-verbs", "access", "verbs: [get, list]", 'verbs: ["*"]'),
    override(MONGODB, "percona-psmdb-tls-required", "tls:\n  mode: preferTLS"),
    template(
        MONGODB,
        "percona-psmdb-encryption-at-rest",
        "cluster",
        "configuration: |\n        {{ configuration(shard) | indent(8) }}",
        'configuration: "{security: {enableEncryption: false}, auditLog: {destination: console}}"',
    ),
    Broken(MONGODB, "percona-backups-scheduled", OVERRIDES, "backup:\n", "backup:\n  enabled: false\n"),
    Broken(
        MONGODB, "percona-backup-storage-tls-verified", OVERRIDES, "backup:\n", "backup:\n  skip_tls_verify: true\n"
    ),
    template(
        MONGODB,
        "percona-backup-retention-bounded",
        "cluster",
        "retention:\n          type: count\n          count: {{ backup.keep }}\n          deleteFromStorage: true",
        "retention: {type: count, count: 7, deleteFromStorage: false}",
    ),
    template(
        MONGODB,
        "percona-backup-encrypted",
        "cluster",
        """storages:
      object-store:
        main: true
        type: s3
        s3:
          bucket: {{ backup.bucket }}
          prefix: {{ cluster.name }}
          region: {{ backup.region }}
          credentialsSecret: {{ cluster.name }}-backup
          insecureSkipTLSVerify: {{ backup.skip_tls_verify | to_json }}
          serverSideEncryption:
            sseAlgorithm: aws:kms
            kmsKeyID: {{ backup.kms_key }}
""",
        "storages: {object-store: {type: s3, s3: {bucket: example, credentialsSecret: backup}}}\n",
    ),
    Broken(
        MONGODB,
        "namespace-pod-security-enforced-restricted",
        OVERRIDES,
        "namespace:\n",
        "namespace:\n  pod_security: baseline\n",
    ),
    template(MONGODB, "role-no-wildcard-resources", "access", "resources: [networkpolicies]", 'resources: ["*"]'),
    # What several stacks have in the same words.
    *(
        override(stack, "certificate-key-rotates", "certificates:\n  rotation: Never")
        for stack in (POSTGRESQL, MONITORING, REDIS, MONGODB)
    ),
    *(
        override(stack, "certificate-key-strong", "certificates:\n  algorithm: RSA\n  size: 2048")
        for stack in (POSTGRESQL, MONITORING)
    ),
    *(
        override(stack, "external-secret-refresh-on", "secrets:\n  refresh_interval: 0s")
        for stack in (POSTGRESQL, HARDENING, MONITORING, REDIS, MONGODB)
    ),
    *(
        override(stack, "secret-store-tls-verified", "secrets:\n  vault_url: http://vault.example.com:8200")
        for stack in (POSTGRESQL, MONITORING, REDIS, MONGODB)
    ),
    *(
        override(stack, "namespace-pod-security-enforced-restricted", "namespace:\n  pod_security: baseline")
        for stack in (POSTGRESQL, MONITORING, REDIS)
    ),
    *(
        override(stack, "certificate-duration-limited", "certificates:\n  duration: 5000h")
        for stack in (HARDENING, MONITORING, REDIS, MONGODB)
    ),
    *(
        override(stack, "storage-class-customer-managed-key", "storage:\n  kms_key: alias/aws/ebs")
        for stack in (MONITORING, MONGODB)
    ),
    *(override(stack, "certificate-key-strong", "certificates:\n  size: 2048") for stack in (REDIS, MONGODB)),
    *(
        template(
            stack,
            "network-policy-not-allow-all-egress",
            "network",
            "    - to:\n        - ipBlock:\n            cidr: {{ network.object_store_cidr }}",
            "    - to: [{ipBlock: {cidr: 0.0.0.0/0}}]",
        )
        for stack in (POSTGRESQL, REDIS, MONGODB)
    ),
    *(
        template(
            stack,
            "default-service-account-no-automount",
            "access",
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: true",
        )
        for stack in (REDIS, MONGODB)
    ),
    *(
        template(
            stack,
            "service-monitor-tls-verified",
            "monitoring",
            "tlsConfig:\n",
            "tlsConfig:\n        insecureSkipVerify: true\n",
        )
        for stack in (REDIS, MONGODB)
    ),
    *(
        template(
            stack,
            "alert-severity-labels-present",
            "monitoring",
            "labels:\n            severity: warning",
            "labels: {priority: warning}",
        )
        for stack in (REDIS, MONGODB)
    ),
)
