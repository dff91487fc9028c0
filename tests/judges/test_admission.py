"""Pod Security at admission: what the API server refuses or warns of, and what the rules say of the same manifest.

``test_pod_security.py`` compares control by control with the library. Here the whole way is compared: what the server
makes of a manifest before Pod Security sees it (defaults, annotations that become fields) must not change the answer.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.judges.examples import submit
from tests.judges.server import DRY_RUN, Server
from tests.judges.test_pod_security import BASELINE, LISTS, RESTRICTED, TEMPLATES, pod_of, rules_of

PACKS = {"baseline": BASELINE, "restricted": RESTRICTED}
VERSIONS = ("v1.7", "v1.18", "v1.24", "v1.26", "v1.30", "v1.34", "v1.37")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("httpGet", "tcpSocket")
CLAIM = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
# What each source needs to be valid, beside what has no required field.
SOURCES: dict[str, dict[str, Any]] = {
    "configMap": {"name": "a"},
    "csi": {"driver": "a.example.com"},
    "ephemeral": {"volumeClaimTemplate": CLAIM},
    "image": {"reference": "example.com/a:1"},
    "persistentVolumeClaim": {"claimName": "a"},
    "secret": {"secretName": "a"},
    "hostPath": {"path": "/a"},
    "gcePersistentDisk": {"pdName": "a"},
    "awsElasticBlockStore": {"volumeID": "a"},
    "gitRepo": {"repository": "a"},
    "nfs": {"server": "a", "path": "/a"},
    "iscsi": {"targetPortal": "10.0.0.1", "iqn": "iqn.2026-01.com.example:a", "lun": 0},
    "glusterfs": {"endpoints": "a", "path": "a"},
    "rbd": {"monitors": ["a"], "image": "a"},
    "flexVolume": {"driver": "example.com/a"},
    "cinder": {"volumeID": "a"},
    "cephfs": {"monitors": ["a"]},
    "flocker": {"datasetName": "a"},
    "fc": {"wwids": ["a"]},
    "azureFile": {"secretName": "a", "shareName": "a"},
    "vsphereVolume": {"volumePath": "a"},
    "quobyte": {"registry": "a:1", "volume": "a"},
    "azureDisk": {"diskName": "a", "diskURI": "https://blob.example.com/a"},
    "portworxVolume": {"volumeID": "a"},
    "photonPersistentDisk": {"pdID": "a"},
    "scaleIO": {"gateway": "a", "system": "a", "volumeName": "a", "secretRef": {"name": "a"}},
    "storageos": {"volumeName": "a"},
}
# What validation forbids in a Pod that says it is for Windows (validateWindows in pkg/apis/core/validation).
NOT_FOR_WINDOWS = ("seLinuxOptions", "seccompProfile", "appArmorProfile", "runAsUser", "sysctls")
NOT_FOR_WINDOWS_CONTAINERS = (
    *NOT_FOR_WINDOWS,
    *("capabilities", "privileged", "allowPrivilegeEscalation", "procMount", "readOnlyRootFilesystem"),
)


def without_nulls(value: Any) -> Any:
    """As the API server reads it."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [without_nulls(part) for part in value if part is not None]
    return value


def valid(pod: dict[str, Any]) -> dict[str, Any]:
    """The Pod with what validation wants added, and without what it never lets through."""
    pod = {"metadata": {}, **without_nulls(deepcopy(pod))}
    spec = pod["spec"]
    containers = [container for name in LISTS for container in spec.get(name, [])]
    for number, container in enumerate(containers):
        container |= {"name": f"c{number}", "image": "example.com/a:1"}
        handlers(container)
    for container in spec.get("initContainers", []):
        container["restartPolicy"] = "Always"  # only such may have probes
    for container in spec.get("ephemeralContainers", []):
        for name in (*PROBES, "lifecycle", "ports"):
            container.pop(name, None)
    for number, volume in enumerate(spec.get("volumes", [])):
        volume.setdefault("name", f"unnamed{number}")
        for source in volume.keys() & SOURCES.keys():
            volume[source] = SOURCES[source]
    contexts = [context for owner in (spec, *containers) if (context := owner.get("securityContext"))]
    for context in contexts:
        profiles(context)
    old_annotations(pod, contexts)
    of_the_host(spec, contexts)
    of_windows(spec, containers)
    ports(containers)
    return pod


def handlers(container: dict[str, Any]) -> None:
    """Each handler of a container has a port, and each probe and hook has one handler."""
    for owner, names in ((container, PROBES), (container.get("lifecycle") or {}, ("postStart", "preStop"))):
        for name in owner.keys() & set(names):
            given = [handler for handler in HANDLERS if handler in owner[name]]
            if given:
                owner[name] = {given[0]: {"port": 80, **owner[name][given[0]]}}
            else:
                del owner[name]


def profiles(context: dict[str, Any]) -> None:
    """Profiles are of a known type, and nothing in the context contradicts itself."""
    for name in ("seccompProfile", "appArmorProfile"):
        kind = context.get(name, {}).get("type")
        if kind not in ("RuntimeDefault", "Localhost", "Unconfined"):
            context.pop(name, None)
        elif kind == "Localhost":
            context[name]["localhostProfile"] = "a.json"
    added = {*context.get("capabilities", {}).get("add", [])}
    if context.get("privileged") or added & {"SYS_ADMIN", "CAP_SYS_ADMIN"}:
        context.pop("allowPrivilegeEscalation", None)  # it cannot be false then
    if context.get("procMount") == "":
        del context["procMount"]


def old_annotations(pod: dict[str, Any], contexts: list[dict[str, Any]]) -> None:
    """Annotations have a value that exists and name a container that exists; no field says otherwise."""
    given = pod["metadata"].get("annotations", {})
    for key, value in list(given.items()):
        app_armor = key.startswith("container.apparmor")
        if not value or key.endswith("/other") or (app_armor and value == "docker/default"):
            del given[key]
        else:
            for context in contexts:
                context.pop("appArmorProfile" if app_armor else "seccompProfile", None)


def of_the_host(spec: dict[str, Any], contexts: list[dict[str, Any]]) -> None:
    """Nothing is left of what excludes each other: namespaces of the host and of the user, host processes, sysctls."""
    if any(context.get("windowsOptions", {}).get("hostProcess") for context in contexts):
        for context in contexts:
            context.pop("windowsOptions", None)
            context.pop("procMount", None)
        spec.setdefault("securityContext", {})["windowsOptions"] = {"hostProcess": True}
        spec |= {"hostNetwork": True, "hostUsers": True}
    if any(context.get("procMount") == "Unmasked" for context in contexts):
        spec["hostUsers"] = False
    if spec.get("hostUsers") is False:
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            spec.pop(name, None)
    sysctls = spec.get("securityContext", {}).get("sysctls", [])
    sysctls[:] = [
        sysctl
        for sysctl in sysctls
        if sysctl.get("name")
        and not (spec.get("hostNetwork") and sysctl["name"].startswith("net."))
        and not (spec.get("hostIPC") and sysctl["name"].startswith("kernel."))
    ]
    for sysctl in sysctls:
        sysctl["value"] = "1"


def of_windows(spec: dict[str, Any], containers: list[dict[str, Any]]) -> None:
    """The system has a name that exists, and no field is of another system."""
    name = spec.get("os", {}).get("name")
    if name not in ("windows", "linux"):
        spec.pop("os", None)
    elif name == "linux":
        for owner in (spec, *containers):
            owner.get("securityContext", {}).pop("windowsOptions", None)
    else:
        for field in ("hostPID", "hostIPC", "hostUsers"):
            spec.pop(field, None)
        for field in NOT_FOR_WINDOWS:
            spec.get("securityContext", {}).pop(field, None)
        for container in containers:
            for field in NOT_FOR_WINDOWS_CONTAINERS:
                container.get("securityContext", {}).pop(field, None)


def ports(containers: list[dict[str, Any]]) -> None:
    """Ports are numbers, each once; on the network of the host both sides must be one."""
    numbers = iter(range(80, 200))
    for container in containers:
        for port in container.get("ports", []):
            port["containerPort"] = next(numbers)
            if port.get("hostPort"):
                port["hostPort"] = port["containerPort"]


class Question(NamedTuple):
    """A Pod, the kind of object that carries it, and the labels of the namespace that it is for."""

    pod: dict[str, Any]
    kind: str
    level: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.level}:{self.version} {json.dumps(self.pod)}"

    def object(self) -> dict[str, Any]:
        """The object, with what its kind wants beside the Pod."""
        version, _, kind = self.kind.rpartition("/")
        labels = {"app": "a"}
        obj: dict[str, Any] = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}
        inner = obj
        for step in TEMPLATES[self.kind]:
            inner = inner.setdefault(step, {})
        inner["metadata"] = {**inner.get("metadata", {}), **self.pod["metadata"], "labels": labels}
        inner["spec"] = dict(self.pod["spec"])
        if version == "batch/v1":
            inner["spec"]["restartPolicy"] = "Never"
            if kind == "CronJob":
                obj["spec"]["schedule"] = "0 0 * * *"
        elif version == "apps/v1":
            obj["spec"]["selector"] = {"matchLabels": labels}
        elif kind == "ReplicationController":
            obj["spec"]["selector"] = labels
        return obj

    def allowed(self) -> bool:
        """What the rules say of the whole level."""
        found = rules_of(self.version).allowed(self.pod, self.kind)
        return all(allowed for (pack, _), allowed in found.items() if pack == PACKS[self.level])


def questions(rng: Random, count: int) -> Iterator[Question]:
    for _ in range(count):
        pod = valid(pod_of(rng))
        kind = "v1/Pod" if rng.random() < 0.7 else rng.choice(list(TEMPLATES))
        if kind != "v1/Pod":
            pod["spec"].pop("ephemeralContainers", None)  # no template may have them
        yield Question(pod, kind, rng.choice(list(PACKS)), rng.choice(VERSIONS))


@pytest.fixture(scope="module")
def spaces(api_server: Server) -> dict[tuple[str, str], str]:
    """A namespace for each level and version."""
    return {
        (level, version): api_server.namespace(
            {
                f"pod-security.kubernetes.io/{mode}{suffix}": value
                for mode in ("enforce", "warn")
                for suffix, value in (("", level), ("-version", version))
            }
        )
        for level in PACKS
        for version in VERSIONS
    }


def test_generated_pods_are_admitted_as_the_rules_say(
    api_server: Server, spaces: dict[tuple[str, str], str], compared: Callable[[str], None]
) -> None:
    """Pods by what is refused, with ephemeral containers through their subresource; controllers by the warning."""
    seed = int(os.environ.get("ASSAY_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    asked = list(questions(Random(seed), 2500))
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda q: submit(api_server, q.object(), spaces[q.level, q.version], DRY_RUN), asked)
        said = list(zip(asked, answers, strict=True))
    wrong, seen = [], Counter[tuple[str, str, bool]]()
    for question, answer in said:
        is_pod = question.kind == "v1/Pod"
        assert answer.ok or (is_pod and answer.status == 403), f"ASSAY_SEED={seed} {question}: {answer.message}"
        allowed = answer.ok and not any("would violate PodSecurity" in warning for warning in answer.warnings)
        if question.allowed() != allowed:
            wrong.append(f"ASSAY_SEED={seed} {question}: {answer.message} {answer.warnings}")
        sort = "Pods" if is_pod else "controllers"
        if question.pod["spec"].get("ephemeralContainers"):
            sort = "Pods with ephemeral containers"
        seen[sort, question.level, allowed] += 1
    assert wrong == []
    assert seen.total() >= 2000
    assert len(seen) == 12, seen  # each level both admits and refuses some of each sort
    counts = (
        f"{count} {sort} {'admitted' if good else 'refused' if 'Pods' in sort else 'warned of'} at {level}"
        for (sort, level, good), count in sorted(seen.items())
    )
    compared(f"{seen.total()} decisions: {', '.join(counts)}")
