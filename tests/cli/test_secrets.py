"""Canaries in each place that secrets live, searched in every output, on success and on failure."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.cli.stacks import write
from tests.conftest import Assay

CANARIES = {
    name: f"canary-{name}-7f3a91" for name in ("data", "string", "env", "flag", "url", "note", "key", "conf", "var")
}
C = CANARIES


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


MANIFESTS = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: db}}
data:
  password: {encoded(C["data"])}
stringData:
  other: {C["string"]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    example.com/api-token: {C["note"]}
spec:
  containers:
    - name: app
      image: example.com/app:latest
      args: ["--db-password={C["flag"]}", "--url=https://admin:{C["url"]}@db.example.com/x"]
      env:
        - name: DB_PASSWORD
          value: {C["env"]}
      securityContext: {{privileged: true}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: conf}}
data:
  db.password: {C["key"]}
  app.conf: |
    user = me
    password = {C["conf"]}
"""

TEMPLATE = """\
apiVersion: v1
kind: Pod
metadata: {name: tpl}
spec:
  containers:
    - name: app
      image: example.com/app:latest
      env:
        - {name: ADMIN_PASSWORD, value: {{ admin_password }}}
      securityContext: {privileged: true}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        a_dot_yaml=MANIFESTS,
        stack__t_dot_yaml_dot_j2=TEMPLATE,
        stack__values_dot_yaml=f"admin_password: {C['var']}\n",
    )


def clean(text: str) -> None:
    for name, canary in CANARIES.items():
        assert canary not in text, name
        assert encoded(canary) not in text, name


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
@pytest.mark.parametrize("more", [(), ("--all",), ("--verbose",)])
def test_no_output_holds_a_canary(assay: Assay, stack: Path, form: str, more: tuple[str, ...]) -> None:
    ran = assay(
        "scan", "--format", form, "--pack", "hygiene", "--pack", "pci-dss", "--pack", "pss-restricted", *more, cwd=stack
    )
    assert ran.code == 1
    assert "<masked secret>" in ran.out
    clean(ran.out + ran.err)


def test_files_are_masked_too(assay: Assay, stack: Path) -> None:
    args = [f"--output={form}=out/{form}" for form in ("text", "json", "sarif")]
    assay("scan", *args, cwd=stack)
    for file in (stack / "out").iterdir():
        clean(file.read_text())


@pytest.mark.parametrize(
    "broken",
    [
        "{{ admin_password.x.y }}",
        "{{ admin_password | no_such_filter }}",
        "{{ undefined_thing }} {{ admin_password }}",
        "{{ admin_password + 1 }}",
        "x: [{{ admin_password }}",
        "a: {{ admin_password }}\na: {{ admin_password }}",
        "{% include admin_password %}",
    ],
)
def test_no_error_holds_a_canary(assay: Assay, stack: Path, broken: str) -> None:
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n  k: 1\n"
    write(stack, stack__broken_dot_yaml_dot_j2=f"{config_map}{broken}\n")
    for command in (("scan",), ("scan", "--format", "json"), ("scan", "--format", "sarif"), ("render", "--mask")):
        ran = assay(*command, cwd=stack)
        assert ran.code in (1, 3)
        clean(ran.out + ran.err)


def test_arguments_are_masked(assay: Assay, stack: Path) -> None:
    ran = assay("scan", "--set", f"admin_password={C['note']}", "--format", "json", cwd=stack)
    clean(ran.out + ran.err)


def test_render_prints_what_is_to_be_applied_unless_masked(assay: Assay, stack: Path) -> None:
    assert C["var"] in assay("render", cwd=stack).out
    clean(assay("render", "--mask", "--origins", cwd=stack).out)
