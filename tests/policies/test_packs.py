"""Every control of every framework is there, and every tie has its reason."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from assay.engine.load import Library, load_library
from assay.engine.validate import validate_policy
from assay.model.controls import Assessability
from assay.shipped import shipped

COUNTS = {"pci-dss": 280, "iso27001": 93, "soc2": 61, "gdpr": 92}
SOURCES = {
    "pci-dss": "pci-dss-4.0.1.csv",
    "iso27001": "iso27001-2022.csv",
    "soc2": "soc2-tsc-2017.csv",
    "gdpr": "gdpr.csv",
}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(shipped("policies"))


@pytest.mark.parametrize("path", sorted((shipped("policies") / "packs").glob("*.yaml")), ids=lambda path: path.stem)
def test_well_formed(path: Path) -> None:
    assert validate_policy(path)["id"] == path.stem


@pytest.mark.parametrize("pack", COUNTS)
def test_the_list_is_complete(library: Library, pack: str) -> None:
    ids = [control.id for control in library.packs[pack].controls]
    assert len(ids) == len(set(ids)) == COUNTS[pack]


@pytest.mark.parametrize("pack", SOURCES)
def test_the_list_is_the_frameworks_own(library: Library, pack: str, shared: Path) -> None:
    with (shared / "frameworks" / SOURCES[pack]).open(encoding="utf-8") as file:
        rows = [(row["id"], row["assessable"]) for row in csv.DictReader(file)]
    assert [(control.id, str(control.assessability)) for control in library.packs[pack].controls] == rows


def test_manual_and_partial_controls_say_what_a_person_brings(library: Library) -> None:
    for pack in COUNTS:
        for control in library.packs[pack].controls:
            assert control.show or control.assessability is Assessability.AUTOMATED, f"{pack} {control.id}"
            assert bool(control.seen) == (control.assessability is not Assessability.MANUAL), f"{pack} {control.id}"


def test_ties(library: Library) -> None:
    for pack in library.packs.values():
        for control in pack.controls:
            assert not (control.ties and control.assessability is Assessability.MANUAL), f"{pack.id} {control.id}"
            names = Counter(rule for rule, _ in control.ties)
            assert not names or max(names.values()) == 1, f"{pack.id} {control.id} is tied twice to a rule"
            for rule, tie in control.ties:
                assert len(tie.because) >= 20, f"{pack.id} {control.id} {rule}"


def test_every_rule_serves_a_pack(library: Library) -> None:
    tied = {rule for pack in library.packs.values() for control in pack.controls for rule, _ in control.ties}
    assert set(library.rules) == tied


@pytest.mark.parametrize("pack", COUNTS)
def test_every_framework_has_controls_that_rules_evidence(library: Library, pack: str) -> None:
    assert sum(bool(control.ties) for control in library.packs[pack].controls) >= 10
