"""Writes the pages of docs/ that are made from the policies: parameters.md, and coverage.md where the catalogue is.

Run by ``make docs``; CI fails if the result differs from what is committed.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from assay.engine.load import Library, load_library
from assay.model.rules import Param
from assay.shipped import shipped

DOCS = Path(__file__).resolve().parent
CATALOGUE = DOCS.parent.parent / "shared" / "catalogue.csv"
WHY_NOT = {
    "relation": "needs a relation between several objects",
    "live": "needs a live cluster",
    "flags": "needs the settings of the control plane or of a node",
}
PACKS = {"pci": "pci-dss", "iso": "iso27001", "soc2": "soc2", "gdpr": "gdpr"}


def main() -> None:
    library = load_library(shipped("policies"))
    (DOCS / "parameters.md").write_text(parameters(library), encoding="utf-8")
    if CATALOGUE.is_file():
        (DOCS / "coverage.md").write_text(coverage(library), encoding="utf-8")
    else:
        print(f"{CATALOGUE} does not exist: docs/coverage.md stays as it is")


def parameters(library: Library) -> str:
    """Every parameter with its default and where that comes from; shared ones once."""
    shared: dict[str, tuple[Param, list[str]]] = {}
    own: list[tuple[str, Param]] = []
    for rule in sorted(library.rules.values(), key=lambda rule: rule.id):
        for param in rule.params:
            if param.shared:
                shared.setdefault(param.shared, (param, []))[1].append(rule.id)
            else:
                own.append((f"{rule.id}.{param.name}", param))
    rows = [
        "# Parameters",
        "",
        "Made by `make docs`. `--param NAME=VALUE`, or `params:` in `assay.yaml`; the command line wins over the",
        "project file, that over a pack, that over the default. *Needed* ones have no default that anybody but you",
        "could know: until they are set, what they decide is `not assessed`.",
        "",
        "## Shared by several rules",
        "",
        "| name | type | default | where it comes from | rules |",
        "|---|---|---|---|---|",
    ]
    for name, (param, rules) in sorted(shared.items()):
        rows.append(f"| `{name}` | {param.type} | {default(param)} | {cell(param.source)} | {', '.join(rules)} |")
    rows += ["", "## Of one rule", "", "| name | type | default | where it comes from |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {param.type} | {default(param)} | {cell(param.source)} |" for name, param in own]
    return "\n".join(rows) + "\n"


def default(param: Param) -> str:
    if param.needed:
        return "*needed*"
    value = param.default
    if isinstance(value, list):
        return ", ".join(f"`{cell(entry)}`" for entry in value) or "none"
    return f"`{str(value).lower() if isinstance(value, bool) else cell(value)}`"


def coverage(library: Library) -> str:
    """Every known check: the rule that decides it or why there is none yet, the ids of others, the controls."""
    with CATALOGUE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reasons: dict[str, str] = yaml.safe_load((DOCS / "not-yet.yaml").read_text(encoding="utf-8"))
    done = Counter(row["scope"] for row in rows if row["id"] in library.rules)
    total = Counter(row["scope"] for row in rows)
    text = [
        "# Coverage",
        "",
        "Made by `make docs`: every check that any of the scanners we know has, and those that none has. A check is",
        "one row whatever others call it. Ids never change their meaning.",
        "",
        "| decided by | checks | with a rule |",
        "|---|---|---|",
        *(f"| {scope} | {total[scope]} | {done[scope]} |" for scope in sorted(total)),
        f"| all | {sum(total.values())} | {sum(done.values())} |",
    ]
    for domain in sorted({row["domain"] for row in rows}):
        text += [
            "",
            f"## {domain}",
            "",
            "| check | severity | rule | other scanners | controls |",
            "|---|---|---|---|---|",
        ]
        text += [line(row, library, reasons) for row in rows if row["domain"] == domain]
    return "\n".join(text) + "\n"


def line(row: dict[str, str], library: Library, reasons: dict[str, str]) -> str:
    rule = library.rules.get(row["id"])
    if rule is None:
        decided = f"not yet: {reasons.get(row['id']) or WHY_NOT[row['scope']]}"
        controls = [
            f"{PACKS[part.partition(':')[0]]} {part.partition(':')[2]}"
            for part in filter(None, row["controls"].split(";"))
        ]
        return f"| {row['id']} | {row['severity']} | {decided} | {listed(row['peers'])} | {', '.join(controls)} |"
    controls = [f"{tie.pack} {tie.control}" for tie in rule.ties]
    return f"| {row['id']} | {rule.severity} | yes | {', '.join(rule.aliases)} | {', '.join(controls)} |"


def listed(text: str) -> str:
    return ", ".join(filter(None, text.split(";")))


def cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
