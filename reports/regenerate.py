"""Writes the reference reports: the shipped templates in production, and the same with one broken override.

Run by ``make reports``; CI fails if the result differs from what is committed. The clock is fixed so that it does not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "reports"
FORMATS = {"text": "txt", "json": "json", "sarif": "sarif"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / ".git").mkdir()  # the root that paths are relative to
        shutil.copytree(ROOT / "templates", work / "templates")
        for name in ("assay.yaml", "assay-waivers.yaml"):
            shutil.copy(ROOT / name, work / name)
        scan(work, "production", ["text"])
        override = work / "templates/postgresql_ha_cluster/production_overrides.yaml"
        text = override.read_text(encoding="utf-8")
        override.write_text(re.sub("retention_days: .*", "retention_days: 1", text), encoding="utf-8")
        scan(work, "broken-override", list(FORMATS))


def scan(work: Path, name: str, formats: list[str]) -> None:
    """Scan the templates of a folder and write a report of each format."""
    outputs = [f"--output={form}={name}.{FORMATS[form]}" for form in formats]
    command: list[str | Path] = [Path(sys.executable).with_name("assay"), "scan", "templates", "--env", "production"]
    subprocess.run(
        [*command, "--as-of", "2026-01-01", *outputs],
        cwd=work,
        check=False,
        stdout=subprocess.DEVNULL,
        env={"PATH": ""},
    )
    for suffix in map(FORMATS.__getitem__, formats):
        text = (work / f"{name}.{suffix}").read_text(encoding="utf-8")
        if suffix == "json":
            text = re.sub(r'("jinja2": )"[^"]*"', r'\1"*"', text)  # so that a release of Jinja changes nothing
        (REPORTS / f"{name}.{suffix}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
