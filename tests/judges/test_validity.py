"""What we show to people is valid: the API server takes the examples of the rules, and the templates."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.templates import ProductionConfigManager
from tests.config_templates.structure import NOT_IN_THE_API
from tests.judges.examples import NAMESPACE, examples, gvk, prepare, submit
from tests.judges.server import DRY_RUN, Answer, Server

NOT_SERVED = {
    # Programs read these from files.
    *(("apiserver.config.k8s.io/v1", "EncryptionConfiguration"), ("audit.k8s.io/v1", "Policy")),
    # Kubernetes 1.37 and the operators serve these versions no more.
    *(("extensions/v1beta1", kind) for kind in ("Ingress", "PodSecurityPolicy")),
    *(("policy/v1beta1", kind) for kind in ("PodDisruptionBudget", "PodSecurityPolicy")),
    *(("external-secrets.io/v1beta1", f"{scope}ExternalSecret") for scope in ("", "Cluster")),
    *(("external-secrets.io/v1beta1", f"{scope}SecretStore") for scope in ("", "Cluster")),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"),
    ("traefik.containo.us/v1alpha1", "TLSOption"),
    # No definition of these lies beside the checkout.
    *(("cilium.io/v2", f"Cilium{kind}") for kind in ("ClusterwideNetworkPolicy", "NetworkPolicy", "NodeConfig")),
    *(("gateway.envoyproxy.io/v1alpha1", kind) for kind in ("BackendTrafficPolicy", "EnvoyProxy")),
    *(("gateway.envoyproxy.io/v1alpha1", kind) for kind in ("EnvoyExtensionPolicy", "SecurityPolicy")),
    *(("gateway.networking.k8s.io/v1", kind) for kind in ("GRPCRoute", "ListenerSet")),
    ("gateway.networking.k8s.io/v1alpha2", "TCPRoute"),
    *(("redis.redis.opstreelabs.in/v1beta2", f"Redis{kind}") for kind in ("Cluster", "Replication", "Sentinel")),
    *(("tekton.dev/v1", kind) for kind in ("PipelineRun", "TaskRun")),
    ("acid.zalan.do/v1", "OperatorConfiguration"),
    ("config.kio.kasten.io/v1alpha1", "Profile"),
    ("constraints.gatekeeper.sh/v1beta1", "K8sAllowedRepos"),
    ("consul.hashicorp.com/v1alpha1", "Mesh"),
    ("extensions.agents.x-k8s.io/v1beta1", "SandboxTemplate"),
    ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"),
    ("kyverno.io/v2", "PolicyException"),
    ("pgv2.percona.com/v2", "PerconaPGCluster"),
    ("policies.kyverno.io/v1beta1", "PolicyException"),
    ("route.openshift.io/v1", "Route"),
    ("security.openshift.io/v1", "SecurityContextConstraints"),
    ("traefik.io/v1alpha1", "TLSOption"),
    ("velero.io/v1", "Restore"),
}
"""Kinds of examples that the server does not serve: nobody says whether such an example is valid."""

# By rule the examples that the server refuses, and why they are there all the same.
REFUSED: dict[str, tuple[str, set[str]]] = {
    "binding-no-authenticated-group": (
        "every server has the binding, and the role of a binding cannot change: it was deleted before",
        {"the name of a default binding with a stronger role"},
    ),
    "container-added-capabilities-restricted": (
        "Pod Security had no exemption then, whatever validation says of Pods for Windows since",
        {"Windows was not exempt until 1.24"},
    ),
    "container-port-names-valid": ("the rule finds before the server what the server refuses", {"too long"}),
    "gateway-listener-tls": (
        "clusters that serve the API since before that check keep such Gateways",
        {"the mode defaults to Terminate, and there is no certificate"},
    ),
    "ingress-class-allowed": (
        "refused where it is created, but an update can add the one to the other",
        {
            "the annotation says something else than the field",
            "the field says something else than the approved annotation",
        },
    ),
    "istio-service-entry-no-wildcard-host": (
        "older definitions took it",
        {"an asterisk alone, which old versions accepted"},
    ),
    "namespace-pod-security-version-pinned": (
        "the rule finds before the server what the server refuses",
        {"a text that is no version"},
    ),
    "pdb-has-policy": ("the rule finds before the server what the server refuses", {"both"}),
    "pod-no-cloud-credential-path": (
        "a path is resolved before it is judged",
        {"dots that climb, which the API refuses"},
    ),
    "pod-no-sensitive-host-path": (
        "a path is resolved before it is judged",
        {"dots that climb, which the API refuses"},
    ),
    "pod-no-windows-host-process": (
        "Pod Security judges both fields, before validation wants them to be equal",
        {"on the Pod, although the container overrides it"},
    ),
    "pod-proc-mount-default": (
        "since 1.33 validation wants a user namespace with it; older servers did not",
        {"Unmasked", "a user namespace must be asked for", "an init container"},
    ),
    "pod-restart-policy-valid": (
        "the rule finds before the server what the server refuses",
        {
            "a Job without one, since the default is Always",
            "a Deployment that shall not restart",
            "a word that is none",
        },
    ),
    "secret-manifest-not-committed": (
        "what SOPS encrypted is no object until it is decrypted",
        {
            "encrypted by SOPS",
            "encrypted whole, with a rule about what stays readable",
            "SOPS was told to encrypt something else",
            "a stanza without a signature proves nothing",
            "an entry whose name leaves it unencrypted",
        },
    ),
    "selector-matches-template": (
        "the rule finds before the server what the server refuses",
        {
            "another value",
            "a label that the template does not bear",
            "an expression that does not hold",
            "no selector at all",
        },
    ),
    "service-external-name-allowed": ("nothing must not count as listed", {"no name at all"}),
}


def answers(server: Server, objects: list[dict[str, Any]]) -> list[Answer]:
    prepare(server, objects)
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda obj: submit(server, obj, NAMESPACE, DRY_RUN), objects))


def test_the_examples_of_all_rules_are_valid(api_server: Server, shared: Path, compared: Callable[[str], None]) -> None:
    """With `with` and all, dry run and strict; those that fail, too, unless the server would never let them exist."""
    every = [(example, obj) for example in examples() for obj in example.objects]
    asked_of = [(example, obj) for example, obj in every if gvk(obj) in api_server.served]
    said = answers(api_server, [obj for _, obj in asked_of])
    refused = {
        (example.rule, example.name): f"{example}: {answer.message}"
        for (example, _), answer in zip(asked_of, said, strict=True)
        if not answer.ok
    }
    expected = {(rule, name) for rule, (_, names) in REFUSED.items() for name in names}
    assert [message for key, message in sorted(refused.items()) if key not in expected] == []
    assert expected - refused.keys() == set(), "accepted after all: take it out of the list"
    skipped = [obj for _, obj in every if gvk(obj) not in api_server.served]
    kinds = {gvk(obj) for obj in skipped}
    assert kinds - NOT_SERVED == set(), "a kind that nobody judges: list it"
    assert NOT_SERVED - kinds == set(), "no example has it, or it is served: take it out of the list"
    assert len(skipped) < len(every) / 8
    accepted = len(asked_of) - len(refused)
    compared(
        f"{len(asked_of)} objects of examples: {accepted} accepted, {len(refused)} refused as listed; "
        f"{len(skipped)} more of {len(NOT_SERVED)} kinds that no server here serves"
    )


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_the_templates_are_valid(
    api_server: Server, shared: Path, environment: str, compared: Callable[[str], None]
) -> None:
    with ProductionConfigManager() as manager:
        texts = manager.render_environment(environment)
    objects = [obj for text in texts.values() for obj in yaml.load_all(text, yaml.CSafeLoader) if obj]
    judged = [obj for obj in objects if gvk(obj) not in NOT_IN_THE_API]
    assert len(judged) > 60
    said = zip(judged, answers(api_server, judged), strict=True)
    assert [f"{obj['kind']} {obj['metadata']['name']}: {a.message}" for obj, a in said if not a.ok] == []
    compared(f"{len(judged)} objects of the templates accepted")
