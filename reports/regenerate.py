"""Writes the reference reports: the shipped templates in production, and the same with one broken override.

Run by ``make reports``; CI fails if the result differs from what is committed. The clock is fixed so that it does not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "reports"
FORMATS = {"text": "txt", "json": "json", "sarif": "sarif"}
BROKEN = "\nbackup:\n  retention_days: 1\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / ".git").mkdir()  # the root that paths are relative to
        shutil.copytree(ROOT / "templates", work / "templates")
        scan(work, "production", ["text"])
        with (work / "templates/postgresql_ha_cluster/production_overrides.yaml").open("a", encoding="utf-8") as file:
            file.write(BROKEN)
        scan(work, "broken-override", list(FORMATS))


def scan(work: Path, name: str, formats: list[str]) -> None:
    """Scan the templates of a folder and write a report of each format."""
    outputs = [f"--output={form}={work / name}.{FORMATS[form]}" for form in formats]
    command: list[str | Path] = [Path(sys.executable).with_name("assay"), "scan", "templates", "--env", "production"]
    subprocess.run(
        [*command, "--as-of", "2026-01-01", *outputs],
        cwd=work,
        check=False,
        stdout=subprocess.DEVNULL,
        env={"PATH": ""},
    )
    for suffix in map(FORMATS.__getitem__, formats):
        text = (work / f"{name}.{suffix}").read_text(encoding="utf-8").replace(f"{work}/", "")
        if suffix == "json":
            text = json.dumps(without_version(json.loads(text)), indent=2, ensure_ascii=False) + "\n"
        (REPORTS / f"{name}.{suffix}").write_text(text, encoding="utf-8")


def without_version(form: dict[str, Any]) -> dict[str, Any]:
    """The form without what changes with every release of a library."""
    form["run"]["renderers"] = dict.fromkeys(form["run"]["renderers"], "*")
    return form


if __name__ == "__main__":
    main()
