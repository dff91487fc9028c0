"""Objects and worlds for the tests of the facts about storage, and the rows of a page's tables of decisions."""

from __future__ import annotations

import re
from typing import Any

from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import KubeObject, World
from assay.redact import Masker
from tests.conftest import ROOT
from tests.unit.test_verdicts import Nowhere

Body = dict[str, Any]


def built(body: Body) -> KubeObject:
    return build_object(body, Nowhere(), "s", "", Masker())


def world(*bodies: Body, complete: bool | tuple[str, ...] = True) -> World:
    return World("w", "environment", "2026-01-01T00:00:00Z", complete, tuple(map(built, bodies)))


def fact_of(name: str, first: Body, *others: Body, complete: bool | tuple[str, ...] = True) -> dict[str, Any]:
    """The fact about the first of the objects of a world."""
    seen = world(first, *others, complete=complete)
    found = Facts(seen).fact(name).of(seen.objects[0])
    assert isinstance(found, dict), found
    return found


def thing(api_version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Body:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def rows_of(page: str) -> set[str]:
    """The cases that a page lists in its tables of decisions."""
    text = (ROOT / "docs" / "facts" / page).read_text().partition("## What decides")[2]
    cases = {line.split("|")[1].strip() for line in text.splitlines() if re.match(r"\| ", line)}
    return cases - {"case"}
