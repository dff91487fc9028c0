"""What all tests share: the command as users start it, and the folder beside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Ran:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Assay = Callable[..., Ran]


@pytest.fixture(scope="session")
def assay() -> Assay:
    """Run the installed command in a folder, with an environment that holds nothing by accident."""
    command = Path(sys.executable).with_name("assay")

    def run(*args: object, cwd: Path, env: dict[str, str] | None = None, timeout: float = 120) -> Ran:
        kept = {
            key: os.environ[key]
            for key in ("PATH", "HOME", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")
            if key in os.environ
        }
        done = subprocess.run(
            [str(command), *map(str, args)],
            cwd=cwd,
            env={**kept, **(env or {})},
            capture_output=True,
            check=False,
            timeout=timeout,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of schemas and charts beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared beside the checkout (schemas, definitions and charts of others)")
    return folder
