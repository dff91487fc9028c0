"""What GitHub's and Azure's own validator says of our SARIF."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.cli.stacks import BAD_POD, jinja_stack, write
from tests.conftest import ROOT, Assay

# Remarks that stay, each with its reason.
ALLOWED = {
    "SARIF2006": "it fetches every address, and tests have no network",
    "SARIF2009": "it wants ids like CS2001; rule ids here are words that never change",
}


@pytest.fixture(scope="module")
def validator() -> Path:
    folder = Path(
        os.environ.get("ASSAY_SARIF_MULTITOOL", ROOT / ".cache/node_modules/@microsoft/sarif-multitool-linux")
    )
    binary = (ROOT / folder / "Sarif.Multitool").resolve()
    if not binary.exists():
        pytest.skip("needs the SARIF validator: npm install --prefix .cache @microsoft/sarif-multitool-linux")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)  # npm does not keep it
    return binary


def remarks(validator: Path, kinds: str, file: Path) -> list[str]:
    done = subprocess.run(
        [validator, "validate", "--rule-kind", kinds, "--level", "Error;Warning;Note", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Analysis completed successfully" in done.stdout, done.stdout + done.stderr
    found = re.findall(r"(?:note|warning|error) ([A-Za-z]+\d+): (.*)", done.stdout)
    return [f"{rule}: {text}" for rule, text in found if rule not in ALLOWED]


def repository(folder: Path) -> Path:
    """A repository with a failure, something unread and something not assessed."""
    jinja_stack(folder, "name: web\nprivileged: true\n")
    write(folder, pod_dot_yaml=BAD_POD, stack__bad_dot_yaml_dot_j2="{{ nobody_defines_this }}\n")
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "x"],
        ["remote", "add", "origin", "git@github.com:example/stack.git"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("profile", "kinds"), [("github", "Sarif;Gh"), ("azure", "GHAzDO")])
def test_no_remark(assay: Assay, tmp_path: Path, validator: Path, profile: str, kinds: str) -> None:
    work = repository(tmp_path)
    env = {"SYSTEM_DEFINITIONID": "7", "BUILD_BUILDID": "8", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/"}
    ran = assay("scan", "--output", "sarif=out.sarif", "--sarif-profile", profile, "--pack", "pss-baseline",
                "--pack", "pci-dss", cwd=work, env=env)  # fmt: skip
    assert ran.code == 1
    assert remarks(validator, kinds, work / "out.sarif") == []


def test_charts_of_others(assay: Assay, tmp_path: Path, validator: Path, shared: Path) -> None:
    ran = assay(
        "scan", shared / "corpus" / "charts", "--output", f"sarif={tmp_path / 'out.sarif'}", "--quiet", cwd=ROOT
    )
    assert ran.code == 1
    assert remarks(validator, "Sarif;Gh", tmp_path / "out.sarif") == []


@pytest.mark.parametrize("report", sorted(path.name for path in (ROOT / "reports").glob("*.sarif")))
def test_reference_reports(validator: Path, report: str) -> None:
    found = remarks(validator, "Sarif;Gh", ROOT / "reports" / report)
    # They are made outside a repository, so that they do not change with every commit.
    assert [remark for remark in found if not remark.startswith("SARIF2003")] == []
