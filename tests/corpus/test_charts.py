"""Rendered charts of others: nothing breaks, everything has a place, and the counts are what they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Assay


@pytest.fixture(scope="module")
def form(assay: Assay, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    packs = [f"--pack={name}" for name in ("gdpr", "soc2", "iso27001", "pci-dss", "pss-restricted", "hygiene")]
    ran = assay("scan", shared / "corpus" / "charts", "--format", "json", *packs, cwd=tmp_path_factory.mktemp("scan"))
    assert (ran.code, ran.err) == (1, "")
    return ran.json


def test_no_rule_breaks_and_everything_is_read(form: Any) -> None:
    assert Counter(finding["verdict"] for finding in form["findings"])["error"] == 0
    assert form["unread"] == []
    assert form["summary"]["objects"] == len(form["objects"]) > 500


def test_every_finding_has_a_place_with_its_line(form: Any) -> None:
    for finding in form["findings"]:
        first = finding["places"][0]
        assert first["file"].endswith(".yaml")
        assert 0 < first["line"] <= first["endLine"]
        assert bool(first["excerpt"]) is (finding["verdict"] != "not assessed")


def test_places_of_values_hold_the_value(form: Any, shared: Path) -> None:
    """The line that is blamed holds the text of the value that is shown as found."""
    texts = {path.name: path.read_text().split("\n") for path in (shared / "corpus" / "charts").glob("*.yaml")}
    checked = 0
    for finding in form["findings"]:
        place = finding["places"][0]
        found = next((e["value"] for e in finding["evidence"] if e["route"] == finding["route"]), None)
        if (
            finding["verdict"] == "fail"
            and isinstance(found, str)
            and found
            and "\n" not in found
            and "<masked" not in found
        ):
            assert found.split()[0] in texts[Path(place["file"]).name][place["line"] - 1], (finding["rule"], place)
            checked += 1
    assert checked > 50


def test_fingerprints_are_unique(form: Any) -> None:
    counts = Counter(finding["fingerprint"] for finding in form["findings"] if finding["verdict"] == "fail")
    assert max(counts.values()) == 1
