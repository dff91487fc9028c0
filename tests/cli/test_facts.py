"""``assay facts``: relations for a person and for a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Assay

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(DEPLOYMENT)
    return tmp_path


def test_a_person_sees_a_table_and_what_is_missing(assay: Assay, folder: Path) -> None:
    ran = assay("facts", "isolation", "web.yaml", cwd=folder)
    assert ran.code == 0
    assert ran.out.startswith("default: 1 entry\n")
    assert " shop " in ran.out
    assert "Not seen, and could change this: networking.k8s.io/NetworkPolicy" in ran.out
    assert "Not seen" not in assay("facts", "isolation", "--assume-complete", cwd=folder).out


def test_a_program_gets_the_same(assay: Assay, folder: Path) -> None:
    form = assay("facts", "isolation", "--format", "json", cwd=folder).json
    assert (form["schema"], form["fact"]) == ("assay-facts/v1", "isolation")
    [world] = form["worlds"]
    assert [row["name"] for row in world["rows"]] == ["web"]
    assert set(world["columns"]) == set(world["rows"][0])


def test_each_environment_is_a_world(assay: Assay, folder: Path) -> None:
    (folder / "assay.yaml").write_text("sources: [{path: web.yaml}]\nenvironments: {one: {}, two: {complete: true}}\n")
    form = assay("facts", "isolation", "--format", "json", cwd=folder).json
    assert [(world["name"], bool(world["unseen"])) for world in form["worlds"]] == [("one", True), ("two", False)]


def test_what_could_not_be_read_is_said(assay: Assay, folder: Path) -> None:
    (folder / "bad.yaml").write_text(DEPLOYMENT + "kind: Twice\n")
    ran = assay("facts", "isolation", "bad.yaml", "web.yaml", "--assume-complete", cwd=folder)
    assert ran.code == 3
    assert "Not seen, and could change this: networking.k8s.io/NetworkPolicy, bad.yaml: " in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("isolatio",), "there is no fact 'isolatio'\n  did you mean 'isolation'?"),
        (("isolation", "nowhere"), "nowhere"),
        (("isolation", "empty"), "no Kubernetes object was found"),
    ],
)
def test_wrong_use(assay: Assay, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    (folder / "empty").mkdir()
    ran = assay("facts", *arguments, cwd=folder)
    assert ran.code == 2
    assert message in ran.err


def test_a_report_of_everything_holds_the_facts_that_rules_read(assay: Assay, folder: Path) -> None:
    scan = ("scan", "web.yaml", "--rule", "pod-selected-by-network-policy", "--format", "json")
    [table] = assay(*scan, "--all", cwd=folder).json["inventory"]
    assert (table["world"], table["fact"], table["unseen"]) == (
        "default",
        "isolation",
        ["networking.k8s.io/NetworkPolicy"],
    )
    assert [row["name"] for row in table["rows"]] == ["web"]
    assert assay(*scan, cwd=folder).json["inventory"] == []
