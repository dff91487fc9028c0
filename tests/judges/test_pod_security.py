"""Pod Security for every minor, control by control, against the checks that the API server itself runs."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from assay.engine.bind import Parameters, bind
from assay.engine.judge import Judge as Engine
from assay.engine.load import Library, load_library
from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import World
from assay.model.origin import Place, Role, Route
from assay.model.rules import NEWEST_MINOR
from assay.model.verdicts import Verdict
from assay.redact import Masker
from assay.shipped import shipped
from tests.judges.conftest import HERE, Judge

BASELINE, RESTRICTED = "pss-baseline", "pss-restricted"
CONTROLS = {
    "windowsHostProcess": (BASELINE, "host-process"),
    "hostNamespaces": (BASELINE, "host-namespaces"),
    "privileged": (BASELINE, "privileged-containers"),
    "capabilities_baseline": (BASELINE, "capabilities"),
    "hostPathVolumes": (BASELINE, "host-path-volumes"),
    "hostPorts": (BASELINE, "host-ports"),
    "hostProbesAndHostLifecycle": (BASELINE, "host-probes-and-lifecycle-hooks"),
    "appArmorProfile": (BASELINE, "apparmor"),
    "seLinuxOptions": (BASELINE, "selinux"),
    "procMount": (BASELINE, "proc-mount-type"),
    "seccompProfile_baseline": (BASELINE, "seccomp"),
    "sysctls": (BASELINE, "sysctls"),
    "restrictedVolumes": (RESTRICTED, "volume-types"),
    "allowPrivilegeEscalation": (RESTRICTED, "privilege-escalation"),
    "runAsNonRoot": (RESTRICTED, "running-as-non-root"),
    "runAsUser": (RESTRICTED, "running-as-non-root-user"),
    "seccompProfile_restricted": (RESTRICTED, "seccomp"),
    "capabilities_restricted": (RESTRICTED, "capabilities"),
    "procMount_restricted": (RESTRICTED, "proc-mount-type"),
}
WHOLE = "the whole level"
TEMPLATES: dict[str, tuple[str, ...]] = {
    "v1/Pod": (),
    "v1/PodTemplate": ("template",),
    "v1/ReplicationController": ("spec", "template"),
    "apps/v1/Deployment": ("spec", "template"),
    "apps/v1/ReplicaSet": ("spec", "template"),
    "apps/v1/StatefulSet": ("spec", "template"),
    "apps/v1/DaemonSet": ("spec", "template"),
    "batch/v1/Job": ("spec", "template"),
    "batch/v1/CronJob": ("spec", "jobTemplate", "spec", "template"),
}


class Nowhere:
    """The origin of a generated object."""

    def places(self, _route: Route) -> tuple[Place, ...]:
        return (Place("generated", 1, 1, 1, 1, Role.RENDERED),)


@cache
def library() -> Library:
    return load_library(shipped("policies"))


class Rules:
    """What the rules tied to the two packs say of a Pod, for one minor."""

    def __init__(self, version: str) -> None:
        self._bindings = bind(library(), (BASELINE, RESTRICTED), (), Parameters(command={"pss-version": version}))
        self._engine = Engine(self._bindings, lambda _object, _pack: True)

    def allowed(self, pod: dict[str, Any], kind: str) -> dict[tuple[str, str], bool]:
        """The controls, as (pack, control), that any rule applies to, and whether none refuses."""
        version, _, name = kind.rpartition("/")
        body: dict[str, Any] = {"apiVersion": version, "kind": name, "metadata": {"name": "x"}}
        inner = body
        for step in TEMPLATES[kind]:
            inner = inner.setdefault(step, {})
        inner |= pod if TEMPLATES[kind] else {**pod, "metadata": {"name": "x", **(pod.get("metadata") or {})}}
        made = build_object(json.loads(json.dumps(body)), Nowhere(), "generated", "default", Masker())
        world = World("generated", "environment", "2026-01-01T00:00:00Z", complete=True, objects=(made,))
        found: dict[tuple[str, str], bool] = {}
        for tally in self._engine.judge(world, Facts(world)).tallies:
            assert tally.verdict in (Verdict.PASS, Verdict.FAIL), self._bindings[tally.binding].rule.id
            for control in self._bindings[tally.binding].controls:
                found[control] = found.get(control, True) and tally.verdict is Verdict.PASS
        return found


rules_of = cache(Rules)


def differences(judge: Judge, pod: dict[str, Any], version: str, kind: str) -> dict[tuple[str, str], Any]:
    """The controls, and whole packs, of which Kubernetes and the rules differ, with what Kubernetes says."""
    answer = judge.ask({"version": version, "pod": pod})
    there = {CONTROLS[name]: said for name, said in answer["checks"].items()}
    for (_, control), said in list(there.items()):
        there.setdefault((RESTRICTED, control), said)  # the restricted level has no stricter check
    here = rules_of(version).allowed(pod, kind)
    for pack, level in ((BASELINE, "baseline"), (RESTRICTED, "restricted")):
        there[pack, WHOLE] = {"allowed": answer["levels"][level]}
        here[pack, WHOLE] = all(allowed for (own, _), allowed in here.items() if own == pack)
    SEEN.update((name, version, said["allowed"]) for name, said in there.items())
    found = {name: said for name, said in there.items() if said["allowed"] != here.get(name, True)}
    return found | {name: "there is no such check" for name in here if name not in there}


SEEN: set[tuple[tuple[str, str], str, bool]] = set()
"""Which verdicts of Kubernetes occurred, by control and minor."""

CHANGES = (7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37)
"""The minors at which a check changes, and those before them."""


# What can be set, with the values that some check knows or some person writes. A path leads through maps.
FLAGS = (True, False, None)
HOSTS = ("", "127.0.0.1", "example.com")
PROFILES = ("RuntimeDefault", "Localhost", "Unconfined", "runtimedefault", "", None)
CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "NET_RAW", "NET_ADMIN", "SYS_ADMIN", "ALL"),
    *("all", "net_bind_service", "CAP_NET_BIND_SERVICE", "CAP_CHOWN", "", None),
)
AT_BOTH = {
    "runAsNonRoot": FLAGS,
    "runAsUser": (0, 1000, None),
    "seccompProfile": (None,),
    "seccompProfile.type": PROFILES,
    "appArmorProfile.type": PROFILES,
    "seLinuxOptions.type": (
        *("container_t", "container_engine_t", "container_init_t", "container_kvm_t", "container_logreader_t"),
        *("spc_t", "", None),
    ),
    "seLinuxOptions.user": ("system_u", "", None),
    "seLinuxOptions.role": ("system_r", "", None),
    "seLinuxOptions.level": ("s0",),
    "windowsOptions.hostProcess": FLAGS,
}
OF_CONTAINERS = {
    "securityContext": ({}, None),
    **{f"securityContext.{path}": values for path, values in AT_BOTH.items()},
    "securityContext.privileged": FLAGS,
    "securityContext.allowPrivilegeEscalation": FLAGS,
    "securityContext.capabilities": ({}, None),
    "securityContext.capabilities.add": ([], *([name] for name in CAPABILITIES), ["NET_BIND_SERVICE", "CHOWN"]),
    "securityContext.capabilities.drop": ([], *([name] for name in CAPABILITIES), ["NET_RAW", "ALL"]),
    "securityContext.procMount": ("Default", "Unmasked", "", None),
    "ports": ([], *([{"containerPort": 80, "hostPort": port}] for port in (0, 80, None)), [{}, {"hostPort": 80}]),
    **{
        f"{place}.{handler}.host": HOSTS
        for place in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")
        for handler in ("httpGet", "tcpSocket")
    },
}
OF_PODS = {
    **{f"spec.securityContext.{path}": values for path, values in AT_BOTH.items()},
    **{f"spec.{name}": FLAGS for name in ("hostNetwork", "hostPID", "hostIPC", "hostUsers")},
    "spec.os.name": ("windows", "Windows", "linux", None),
    "spec.securityContext.sysctls": (
        [],
        *(
            [{"name": "net.ipv4.tcp_syncookies"}, {"name": name}]
            for name in (
                *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
                *("net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_fin_timeout"),
                *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
                *("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem", "net.ipv4.tcp_slow_start_after_idle"),
                *("net.ipv4.tcp_wmem", "net.ipv4.tcp_mem", "net.core.somaxconn", "kernel.msgmax", "", None),
            )
        ),
    ),
    "spec.volumes": (
        [],
        [{"name": "v"}],
        [{"name": "v", "hostPath": None}],
        *(
            [{"name": "u", "emptyDir": {}}, {"name": "v", source: {}}]
            for source in (
                *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"),
                *("projected", "secret", "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs"),
                *("iscsi", "glusterfs", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile"),
                *("vsphereVolume", "quobyte", "azureDisk", "portworxVolume", "photonPersistentDisk", "scaleIO"),
                "storageos",
            )
        ),
    ),
    "metadata.annotations": tuple(
        {key: value}
        for key in (
            "seccomp.security.alpha.kubernetes.io/pod",
            "container.seccomp.security.alpha.kubernetes.io/c0",
            "container.seccomp.security.alpha.kubernetes.io/other",
            "container.apparmor.security.beta.kubernetes.io/c0",
            "container.apparmor.security.beta.kubernetes.io/other",
        )
        for value in ("runtime/default", "docker/default", "localhost/a", "unconfined", "")
    ),
}
LISTS = ("containers", "initContainers", "ephemeralContainers")


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Set what a path leads to; what is missing or null on the way becomes a map."""
    *steps, last = path.split(".")
    for step in steps:
        target[step] = target = target.get(step) or {}
    target[last] = value


def restricted(number: int = 0) -> dict[str, Any]:
    """A container that the restricted level wants nothing more of."""
    security = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {"name": f"c{number}", "securityContext": security}


def pod_of(rng: Random) -> dict[str, Any]:
    """A Pod of several containers in which a few things are set or missing, so that single controls decide."""
    containers = [restricted(number) for number in range(rng.randint(1, 4))]
    pod: dict[str, Any] = {"metadata": {}, "spec": {}}
    for number, container in enumerate(containers):
        pod["spec"].setdefault(rng.choice(LISTS) if number else "containers", []).append(container)
        for name in [name for name in container["securityContext"] if rng.random() < 0.1]:
            del container["securityContext"][name]
    for _ in range(rng.randint(0, 4)):
        target, fields = (pod, OF_PODS) if rng.random() < 0.6 else (rng.choice(containers), OF_CONTAINERS)
        path = rng.choice(list(fields))
        put(target, path, deepcopy(rng.choice(fields[path])))
    if rng.random() < 0.2:
        owner, key = rng.choice([*parts(pod)])
        owner[key] = None
    return pod


def parts(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every field that can be null: not the containers, and no annotation, where null is "" to Kubernetes."""
    if isinstance(value, dict):
        for key in value:
            if key not in ("spec", "containers"):
                yield value, key
            if key != "annotations":
                yield from parts(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from parts(item)


def smaller(value: Any) -> Iterator[Any]:
    """The value with one part left out, in turn; the one container that every Pod has stays."""
    if isinstance(value, dict):
        for key in value:
            if key not in ("metadata", "spec", "name"):
                yield {name: part for name, part in value.items() if name != key}
            for part in smaller(value[key]):
                yield {**value, key: part}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if len(value) > 1:
                yield value[:index] + value[index + 1 :]
            for part in smaller(item):
                yield [*value[:index], part, *value[index + 1 :]]


def shrunk(pod: dict[str, Any], differs: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The smallest Pod that still differs, as far as leaving parts out leads."""
    while True:
        found = next((p for p in smaller(pod) if p["spec"].get("containers") and differs(p)), None)
        if found is None:
            return pod
        pod = found


def agree(judge: Judge, pod: dict[str, Any], minor: int, kind: str, seed: int = 0) -> None:
    """Fail with the smallest Pod if Kubernetes and the rules differ."""
    version = f"v1.{minor}"
    found = differences(judge, pod, version, kind)
    if found:
        small = shrunk(pod, lambda smaller: bool(differences(judge, smaller, version, kind)))
        pytest.fail(f"ASSAY_SEED={seed} {version} {kind} Kubernetes says {found} of {json.dumps(small)}")


def test_generated_pods_are_judged_as_kubernetes_judges_them(pod_security: Judge) -> None:
    """Verdict for verdict, per control, level and minor, where several values meet."""
    seed = int(os.environ.get("ASSAY_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    rng = Random(seed)
    for _ in range(3000):
        minor = rng.choice((rng.randint(0, NEWEST_MINOR), rng.choice(CHANGES)))
        agree(pod_security, pod_of(rng), minor, rng.choice(list(TEMPLATES)), seed)


@pytest.mark.parametrize("base", [{}, {"os": {"name": "windows"}}, {"hostUsers": False}], ids=json.dumps)
def test_each_value_is_judged_as_kubernetes_judges_it_in_every_minor(pod_security: Judge, base: dict[str, Any]) -> None:
    """One value at a time, in a Pod that is otherwise as restricted as can be.

    In every minor each control that exists both allows and refuses some, unless Windows or a user namespace lifts it.
    """
    SEEN.clear()
    kinds, lists = itertools.cycle(TEMPLATES), itertools.cycle(LISTS)
    for of_pod, fields in ((True, OF_PODS), (False, OF_CONTAINERS)):
        for path, value in [(path, value) for path, values in fields.items() for value in values]:
            for minor in range(NEWEST_MINOR + 1):
                pod: dict[str, Any] = {"metadata": {}, "spec": {**deepcopy(base), "containers": [restricted()]}}
                target = pod
                if not of_pod:
                    target = restricted(1)
                    pod["spec"].setdefault(next(lists), []).append(target)
                put(target, path, value)
                agree(pod_security, pod, minor, next(kinds))
    one_sided = [(name, version) for name, version, allowed in SEEN if (name, version, not allowed) not in SEEN]
    assert base or one_sided == []


def test_every_check_of_kubernetes_is_a_control_of_a_pack(pod_security: Judge) -> None:
    """And every control is a check; the restricted pack has those of the baseline pack too."""
    known = pod_security.ask({"version": f"v1.{NEWEST_MINOR}", "pod": {}})["checks"]
    assert set(known) == set(CONTROLS)
    packs = library().packs
    controls = {(pack, control.id) for pack in (BASELINE, RESTRICTED) for control in packs[pack].controls}
    assert controls == {*CONTROLS.values(), *((RESTRICTED, control) for _, control in CONTROLS.values())}


def test_kubernetes_own_fixtures(pod_security: Judge) -> None:
    """The Pods that the module brings to test itself, for every minor: refused for what the file is named after."""
    where = ["go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission"]
    module = Path(
        subprocess.run(where, cwd=HERE / "podsecurity", check=True, capture_output=True, text=True).stdout.strip()
    )
    named = {name.lower(): control for name, (_, control) in CONTROLS.items()}
    wrong, minors = [], set()
    for level, pack in (("baseline", BASELINE), ("restricted", RESTRICTED)):
        for file in sorted((module / "test" / "testdata" / level).glob("v1.*/*/*.yaml")):
            version, expected = file.parts[-3], file.parts[-2]
            minors.add(version)
            pod = yaml.load(file.read_text(), yaml.CSafeLoader)
            allowed = rules_of(version).allowed(pod, "v1/Pod")
            broken = {control for (own, control), good in allowed.items() if own == pack and not good}
            if broken if expected == "pass" else named[file.stem.rstrip("0123456789")] not in broken:
                wrong.append((level, version, file.name, broken))
    assert wrong == []
    assert minors == {f"v1.{minor}" for minor in range(NEWEST_MINOR + 1)}


@pytest.mark.parametrize("version", ["v1.0", "v1.18", f"v1.{NEWEST_MINOR}"])
def test_a_plain_pod(pod_security: Judge, version: str) -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "app"}]}}
    assert differences(pod_security, pod, version, "v1/Pod") == {}
