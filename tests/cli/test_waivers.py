"""Waivers through the whole command (docs/waivers.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.stacks import BAD_POD, write
from tests.conftest import Assay, Ran

RULE = "container-not-privileged"
ENTRY = f"""\
waivers:
  - rule: {RULE}
    reason: The node agent needs it
    owner: team-platform
    until: 2026-06-30
    ticket: OPS-7
"""


def scan(assay: Assay, folder: Path, *more: str, day: str = "2026-06-30", waivers: str = ENTRY) -> Ran:
    write(folder, pod_dot_yaml=BAD_POD, assay_dot_yaml="sources: [{path: pod.yaml}]\n", assay_waivers=waivers)
    (folder / "assay_waivers").rename(folder / "assay-waivers.yaml")
    return assay("scan", "--rule", RULE, "--as-of", day, *more, cwd=folder)


def test_a_waived_failure_passes_the_gate_and_is_shown(assay: Assay, tmp_path: Path) -> None:
    ran = scan(assay, tmp_path)
    assert ran.code == 0
    assert "Waived: 1 failure" in ran.out
    assert "2026-06-30, team-platform, OPS-7: The node agent needs it" in ran.out


def test_the_form_holds_it(assay: Assay, tmp_path: Path) -> None:
    form = scan(assay, tmp_path, "--format", "json").json
    assert [(f["verdict"], f["waiver"]["owner"]) for f in form["findings"]] == [("waived", "team-platform")]
    assert [(w["state"], w["matched"], w["line"]) for w in form["waivers"]] == [("used", 1, 2)]
    assert form["summary"]["byRule"][RULE]["waived"] == 1


def test_after_its_last_day_the_failure_says_whose_it_was(assay: Assay, tmp_path: Path) -> None:
    ran = scan(assay, tmp_path, day="2026-07-01")
    assert ran.code == 1
    assert "ended on 2026-06-30 (team-platform): The node agent needs it" in ran.out
    assert scan(assay, tmp_path, "--format", "json", day="2026-07-01").json["waivers"][0]["state"] == "expired"


def test_the_first_that_still_counts_answers(assay: Assay, tmp_path: Path) -> None:
    later = ENTRY.replace("waivers:\n", "").replace("2026-06-30", "2027-01-01").replace("platform", "next")
    form = scan(assay, tmp_path, "--format", "json", day="2026-12-31", waivers=ENTRY + later).json
    assert form["findings"][0]["waiver"]["owner"] == "team-next"
    assert [entry["state"] for entry in form["waivers"]] == ["expired", "used"]


@pytest.mark.parametrize(
    ("narrowed", "matches"),
    [
        ("object: {kind: Pod, namespace: shop, name: w*}", True),
        ("object: {kind: core/Pod}", True),
        ("object: {kind: Deployment}", False),
        ("object: {name: other}", False),
        ("object: {labels: {app: web}}", False),
        ("item: app", True),
        ("item: sidecar", False),
        ("path: pod.*", True),
        ("path: charts/*", False),
        ("environments: [production]", False),
    ],
)
def test_what_it_selects(assay: Assay, tmp_path: Path, narrowed: str, matches: bool) -> None:
    ran = scan(assay, tmp_path, waivers=f"{ENTRY}    {narrowed}\n")
    assert ran.code == (0 if matches else 1)


def test_one_that_matches_nothing_is_a_warning(assay: Assay, tmp_path: Path) -> None:
    ran = scan(assay, tmp_path, waivers=ENTRY + "    item: gone\n")
    assert f"warning assay-waivers.yaml:2: the waiver of {RULE} matches no failure" in ran.out


def test_it_hides_no_broken_rule(assay: Assay, tmp_path: Path) -> None:
    scan(assay, tmp_path)
    (tmp_path / "pod.yaml").write_text(BAD_POD.partition("  containers")[0] + "  containers: x\n")
    assert assay("scan", "--rule", RULE, cwd=tmp_path).code == 3


def test_sarif_holds_it_only_when_asked(assay: Assay, tmp_path: Path) -> None:
    def results(*more: str) -> Any:
        return scan(assay, tmp_path, "--format", "sarif", *more).json["runs"][0]["results"]

    assert results() == []
    assert [r["suppressions"][0]["justification"] for r in results("--sarif-include", "waived")] == [
        "The node agent needs it"
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (RULE, "container-not-priviledged", f"did you mean '{RULE}'?"),
        ("2026-06-30", "2026-06-31", "`until: 2026-06-31` is no day"),
        ("    owner: team-platform\n", "", "lacks 'owner'"),
        ("owner", "ownr", "unknown key 'ownr'"),
        ("    reason: The node agent needs it\n", "", "lacks 'reason'"),
    ],
)
def test_a_malformed_file_is_wrong_use(assay: Assay, tmp_path: Path, old: str, new: str, problem: str) -> None:
    ran = scan(assay, tmp_path, waivers=ENTRY.replace(old, new))
    assert ran.code == 2
    assert problem in ran.err
    assert "assay-waivers.yaml:" in ran.err
