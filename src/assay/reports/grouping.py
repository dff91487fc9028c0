"""Equal findings of several worlds as one, and what stands beside them in every report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SEVERITIES = ("critical", "high", "medium", "low")


def grouped(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings with the same fingerprint, verdict, message and primary place joined; ``worlds`` names theirs.

    The places of all are kept, the common primary one first.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for finding in findings:
        first = finding["places"][0] if finding["places"] else {}
        where = (first.get("file"), first.get("line"), first.get("column"))
        key = (finding["rule"], finding["fingerprint"], finding["verdict"], finding["message"], where)
        known = found.get(key)
        if known is None:
            found[key] = {**finding, "worlds": [finding["world"]], "places": list(finding["places"])}
            continue
        known["worlds"] = list(dict.fromkeys((*known["worlds"], finding["world"])))
        known["places"] += [place for place in finding["places"] if place not in known["places"]]
    return list(found.values())


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
