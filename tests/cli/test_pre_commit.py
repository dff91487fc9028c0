"""The hooks, run by the real pre-commit in fresh repositories, installed from this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.stacks import GOOD_POD, jinja_stack, write
from tests.conftest import ROOT, Assay

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="needs a git checkout of the project to install from"
)

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
CONFIG = """\
version: 1
packs: [own]
policies: [policies]
complete: true
"""
PACK = """\
id: own
title: Own
version: "1"
source: ours
controls:
  - id: a
    title: Nothing is privileged
    assessability: automated
    rules:
      - {rule: container-not-privileged, tie: required, because: It is the decision that is asked for.}
      - {rule: pod-selected-by-network-policy, tie: required, because: It is the decision that is asked for.}
"""


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of what the checkout would release, as `repo:` of pre-commit wants one."""
    release = tmp_path_factory.mktemp("release")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in os.fsdecode(listed.stdout).split("\0"):
        if name and (ROOT / name).is_file():
            (release / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, release / name)
    git(release, "init", "-q")
    git(release, "add", "-A")
    git(release, "commit", "-qm", "release")
    return release


@pytest.fixture
def project(tmp_path: Path, hooks: Path) -> Path:
    """A committed project whose hooks pass."""
    jinja_stack(tmp_path)
    write(
        tmp_path,
        pod_dot_yaml=GOOD_POD.replace("name: web", "name: plain"),
        deny_dot_yaml=POLICY,
        assay_dot_yaml=CONFIG,
        policies__own_dot_yaml=PACK,
        stack___part_dot_j2="        privileged: false\n",
        notes_dot_txt="x\n",
    )
    template = tmp_path / "stack/pod.yaml.j2"
    template.write_text(
        template.read_text().replace("        privileged: {{ privileged }}\n", "{% include '_part.j2' %}")
    )
    git(tmp_path, "init", "-q")
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=hooks, capture_output=True, check=True, text=True
    ).stdout
    config = (
        f"repos:\n  - repo: {hooks}\n    rev: {revision.strip()}\n    hooks: [{{id: assay}}, {{id: assay-rules}}]\n"
    )
    (tmp_path / ".pre-commit-config.yaml").write_text(config)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    return tmp_path


Hook = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Hook:
    """Stage everything and run one hook as `git commit` would."""
    home = tmp_path_factory.getbasetemp() / "pre-commit-home"

    def start(hook: str) -> subprocess.CompletedProcess[str]:
        git(project, "add", "-A")
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", hook, "--verbose"],
            cwd=project,
            env={**os.environ, "PRE_COMMIT_HOME": str(home), "GIT_CONFIG_COUNT": "1",
                 "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    return start


def test_a_changed_override_that_breaks_nothing_passes(project: Path, run: Hook) -> None:
    write(project, stack__production_overrides_dot_yaml="name: other\n")
    done = run("assay")
    assert done.returncode == 0, done.stdout


def test_a_changed_include_is_shown(project: Path, run: Hook) -> None:
    write(project, stack___part_dot_j2="        privileged: true\n")
    done = run("assay")
    assert done.returncode == 1
    assert "stack/_part.j2" in done.stdout
    assert "container-not-privileged" in done.stdout


def test_a_deleted_policy_shows_everything(project: Path, run: Hook) -> None:
    (project / "deny.yaml").unlink()
    done = run("assay")
    assert done.returncode == 1
    assert "pod-selected-by-network-policy" in done.stdout


def test_findings_elsewhere_are_not_shown(project: Path, run: Hook) -> None:
    write(
        project,
        other_dot_yaml=GOOD_POD.replace("privileged: false", "privileged: true").replace("name: web", "name: old"),
    )
    git(project, "add", "-A")
    git(project, "commit", "-qm", "an old failure", "--no-verify")
    write(project, pod_dot_yaml=GOOD_POD.replace("1.0", "1.1").replace("name: web", "name: plain"))
    done = run("assay")
    assert done.returncode == 0, done.stdout


def test_a_changed_rule_runs_its_examples(project: Path, run: Hook, assay: Assay) -> None:
    assert assay("rules", "new", "pod-has-owner", cwd=project).code == 0
    done = run("assay-rules")
    assert done.returncode == 0, done.stdout
    assert "2 examples, 0 wrong" in done.stdout
    rule = project / "policies/pod-has-owner.yaml"
    rule.write_text(rule.read_text().replace('!= ""', '== ""'))
    done = run("assay-rules")
    assert done.returncode == 1
    assert "2 wrong" in done.stdout


def test_nothing_relevant_changed_ends_in_under_twice_the_time_of_version(project: Path, assay: Assay) -> None:
    write(project, notes_dot_txt="y\n")
    git(project, "add", "-A")

    def best(*words: str) -> float:
        times = []
        for _ in range(9):
            start = time.perf_counter()
            assert assay(*words, cwd=project).code == 0
            times.append(time.perf_counter() - start)
        return min(times)

    assert best("scan", "--changed", "--quiet") < 2 * best("--version")
