"""Equal findings of several worlds as one, and what stands beside them in every report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SEVERITIES = ("critical", "high", "medium", "low")


def grouped(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a person would call one finding, joined: several worlds, or bindings that want other values.

    Rule, object, route, verdict, message and primary place are the same. ``worlds`` names theirs; controls and places
    of all are kept, the common primary place first.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for finding in findings:
        first = finding["places"][0] if finding["places"] else {}
        where = (first.get("file"), first.get("line"), first.get("column"))
        what = finding["object"] or {}
        name = (what.get("kind"), what.get("namespace"), what.get("name"), finding["route"])
        key = (finding["rule"], *name, finding["verdict"], finding["message"], where)
        known = found.get(key)
        if known is None:
            found[key] = {**finding, "worlds": [finding["world"]], **_own(finding)}
            continue
        known["worlds"] = list(dict.fromkeys((*known["worlds"], finding["world"])))
        for field in ("places", "controls"):
            known[field] += [entry for entry in finding[field] if entry not in known[field]]
    return list(found.values())


def _own(finding: dict[str, Any]) -> dict[str, list[Any]]:
    """Lists that grow while findings are joined, so that the form's own stay as they are."""
    return {field: list(finding[field]) for field in ("places", "controls")}


def failures(form: dict[str, Any]) -> list[dict[str, Any]]:
    """What failed, worst first, then by place, equal findings of several worlds joined."""
    found = grouped(finding for finding in form["findings"] if finding["verdict"] == "fail")
    return sorted(found, key=_order)


def _order(finding: dict[str, Any]) -> tuple[Any, ...]:
    place = finding["places"][0]
    return (
        SEVERITIES.index(finding["severity"]),
        place["file"],
        place["line"],
        finding["rule"],
        finding["fingerprint"],
    )


def object_name(finding: dict[str, Any]) -> str:
    """``Deployment shop/web``; empty where a finding is about no object."""
    obj = finding["object"]
    if obj is None:
        return ""
    name = obj["name"] or "(no name)"
    return f"{obj['kind']} {obj['namespace']}/{name}" if obj["namespace"] else f"{obj['kind']} {name}"
