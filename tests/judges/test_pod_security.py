"""Pod Security for every minor, control by control, against the checks that the API server itself runs."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from assay.engine.bind import Parameters, bind
from assay.engine.judge import Judge as Engine
from assay.engine.load import load_library
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


class Rules:
    """What the rules tied to the two packs say of a Pod, for one minor."""

    def __init__(self, version: str) -> None:
        library = load_library(shipped("policies"))
        self._bindings = bind(library, (BASELINE, RESTRICTED), (), Parameters(command={"pss-version": version}))
        self._engine = Engine(self._bindings, lambda _object, _pack: True)

    def refused(self, pod: dict[str, Any], kind: str) -> set[tuple[str, str]]:
        """The controls that a Pod breaks, as (pack, control)."""
        version, _, name = kind.rpartition("/")
        body: dict[str, Any] = {"apiVersion": version, "kind": name, "metadata": {"name": "x"}}
        inner = body
        for step in TEMPLATES[kind]:
            inner = inner.setdefault(step, {})
        inner |= pod if TEMPLATES[kind] else {**pod, "metadata": {"name": "x", **(pod.get("metadata") or {})}}
        made = build_object(json.loads(json.dumps(body)), Nowhere(), "generated", "default", Masker())
        world = World("generated", "environment", "2026-01-01T00:00:00Z", complete=True, objects=(made,))
        found: set[tuple[str, str]] = set()
        for tally in self._engine.judge(world, Facts(world)).tallies:
            assert tally.verdict in (Verdict.PASS, Verdict.FAIL), self._bindings[tally.binding].rule.id
            if tally.verdict is Verdict.FAIL:
                found |= set(self._bindings[tally.binding].controls)
        return found


rules_of = cache(Rules)


def differences(judge: Judge, pod: dict[str, Any], version: str, kind: str) -> dict[tuple[str, str], Any]:
    """The controls, and whole packs, of which Kubernetes and the rules differ, with what Kubernetes says."""
    answer = judge.ask({"version": version, "pod": pod})
    there = {CONTROLS[name]: said for name, said in answer["checks"].items()}
    for (_, control), said in list(there.items()):
        there.setdefault((RESTRICTED, control), said)  # the restricted level has no stricter check
    refused = rules_of(version).refused(pod, kind)
    for pack, level in ((BASELINE, "baseline"), (RESTRICTED, "restricted")):
        there[pack, WHOLE] = {"allowed": answer["levels"][level]}
        refused |= {(pack, WHOLE) for broken, _ in refused if broken == pack}
    SEEN.update((name, said["allowed"]) for name, said in there.items())
    return {name: said for name, said in there.items() if said["allowed"] == (name in refused)}


SEEN: Counter[tuple[tuple[str, str], bool]] = Counter()
CHANGES = (7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37)
"""The minors at which a check changes, and those before them."""


Make = Callable[[Random], Any]


def one(*values: Any) -> Make:
    return lambda rng: rng.choice(values)


def fields(chance: float = 0.5, **makers: Make) -> Make:
    """A map in which each field is left out, null, or made."""

    def make(rng: Random) -> dict[str, Any]:
        chosen = {name: maker for name, maker in makers.items() if rng.random() < chance}
        return {name: None if rng.random() < 0.1 else maker(rng) for name, maker in chosen.items()}

    return make


def several(maker: Make, most: int) -> Make:
    return lambda rng: [maker(rng) for _ in range(rng.randint(0, most))]


FLAG = one(True, False)
PROFILE = fields(0.8, type=one("RuntimeDefault", "Localhost", "Unconfined", ""), localhostProfile=one("a"))
SELINUX = fields(
    type=one("", "container_t", "container_engine_t", "container_init_t", "container_kvm_t", "spc_t"),
    user=one("", "", "system_u"),
    role=one("", "", "system_r"),
    level=one("s0"),
)
CAPABILITIES = several(
    one(
        *("ALL", "all", "NET_BIND_SERVICE", "NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "net_bind_service", "", None),
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP"),
        *("SETUID", "SYS_CHROOT", "NET_RAW", "NET_ADMIN", "SYS_ADMIN"),
    ),
    2,
)
BOTH_LEVELS = {
    "runAsNonRoot": FLAG,
    "runAsUser": one(0, 1000),
    "seccompProfile": PROFILE,
    "appArmorProfile": PROFILE,
    "seLinuxOptions": SELINUX,
    "windowsOptions": fields(hostProcess=FLAG),
}
SECURITY = fields(
    0.3,
    **BOTH_LEVELS,
    privileged=FLAG,
    allowPrivilegeEscalation=FLAG,
    capabilities=fields(add=CAPABILITIES, drop=CAPABILITIES),
    procMount=one("Default", "Unmasked"),
)
HOST = fields(host=one("", "127.0.0.1", "example.com"), port=one(80))
HANDLER = fields(httpGet=HOST, tcpSocket=HOST)
SYSCTLS = one(
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_slow_start_after_idle",
    "kernel.msgmax",
    "net.core.somaxconn",
    "",
)
VOLUMES = one(
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
    "secret", "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
    "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
    "portworxVolume", "photonPersistentDisk", "scaleIO", "storageos", "hostPath", "hostPath", "hostPath",
)  # fmt: skip
ANNOTATIONS = {
    "seccomp.security.alpha.kubernetes.io/pod": ["runtime/default", "docker/default", "localhost/a", "unconfined", ""],
    "container.seccomp.security.alpha.kubernetes.io/c0": ["runtime/default", "unconfined"],
    "container.seccomp.security.alpha.kubernetes.io/other": ["unconfined"],
    "container.apparmor.security.beta.kubernetes.io/c0": ["runtime/default", "localhost/a", "unconfined", ""],
    "container.apparmor.security.beta.kubernetes.io/other": ["runtime/default", "unconfined"],
}
CONTAINER = fields(
    0.25,
    securityContext=SECURITY,
    livenessProbe=HANDLER,
    readinessProbe=HANDLER,
    startupProbe=HANDLER,
    lifecycle=fields(postStart=HANDLER, preStop=HANDLER),
    ports=several(fields(hostPort=one(0, 80)), 2),
)
SPEC = fields(
    0.25,
    securityContext=fields(0.25, **BOTH_LEVELS, sysctls=several(fields(0.9, name=SYSCTLS, value=one("1")), 2)),
    hostNetwork=FLAG,
    hostPID=FLAG,
    hostIPC=FLAG,
    hostUsers=FLAG,
    os=fields(0.9, name=one("windows", "windows", "linux", "Windows")),
    volumes=several(lambda rng: {"name": "v", VOLUMES(rng): None if rng.random() < 0.1 else {}}, 2),
)
# What the restricted level wants of a container, so that it is often met.
GOOD = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod_of(rng: Random) -> dict[str, Any]:
    """A Pod in which a few things are set: most are left alone, so that single controls decide."""
    spec: dict[str, Any] = SPEC(rng)
    number = 0
    for name, least in (("containers", 1), ("initContainers", 0), ("ephemeralContainers", 0)):
        made = []
        for _ in range(max(least, rng.choice((0, 0, 1, 2)))):
            container = {"name": f"c{number}", **CONTAINER(rng)}
            if rng.random() < 0.8:
                kept = {key: value for key, value in GOOD.items() if rng.random() < 0.9}
                container["securityContext"] = {**kept, **(container.get("securityContext") or {})}
            made.append(container)
            number += 1
        if made or rng.random() < 0.1:
            spec[name] = made or one(None, made)(rng)
    keys = [key for key in ANNOTATIONS if rng.random() < 0.15]
    annotations = {key: rng.choice(ANNOTATIONS[key]) for key in keys}
    return {"metadata": {"annotations": annotations or one(None, annotations)(rng)}, "spec": spec}


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


def test_generated_pods_are_judged_as_kubernetes_judges_them(pod_security: Judge) -> None:
    """Verdict for verdict, per control, level and minor; each control both allows and refuses some."""
    seed = int(os.environ.get("ASSAY_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    rng = Random(seed)
    SEEN.clear()
    for _ in range(5000):
        pod, kind = pod_of(rng), rng.choice(sorted(TEMPLATES))
        minor = rng.choice((rng.randint(0, NEWEST_MINOR), rng.choice(CHANGES)))
        found = differences(pod_security, pod, f"v1.{minor}", kind)
        if found:
            small = shrunk(pod, lambda p: bool(differences(pod_security, p, f"v1.{minor}", kind)))  # noqa: B023
            pytest.fail(f"ASSAY_SEED={seed} v1.{minor} {kind} Kubernetes says {found} of {json.dumps(small)}")
    names = {name for name, _ in SEEN}
    seldom = [(name, allowed) for name in names for allowed in (True, False) if SEEN[name, allowed] < 20]
    assert seldom == [], f"ASSAY_SEED={seed}"


def test_every_check_of_kubernetes_is_a_control_of_a_pack(pod_security: Judge) -> None:
    """And every control is a check; the restricted pack has those of the baseline pack too."""
    known = pod_security.ask({"version": f"v1.{NEWEST_MINOR}", "pod": {}})["checks"]
    assert set(known) == set(CONTROLS)
    packs = load_library(shipped("policies")).packs
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
            broken = {control for broken, control in rules_of(version).refused(pod, "v1/Pod") if broken == pack}
            if bool(broken) if expected == "pass" else named[file.stem.rstrip("0123456789")] not in broken:
                wrong.append((level, version, file.name, broken))
    assert wrong == []
    assert minors == {f"v1.{minor}" for minor in range(NEWEST_MINOR + 1)}


@pytest.mark.parametrize("version", ["v1.0", "v1.18", f"v1.{NEWEST_MINOR}"])
def test_a_plain_pod(pod_security: Judge, version: str) -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "app"}]}}
    assert differences(pod_security, pod, version, "v1/Pod") == {}
