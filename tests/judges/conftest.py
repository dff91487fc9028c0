"""Programs that decide what Kubernetes decides, built from its own modules and kept in ``.cache/judges``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

HERE = Path(__file__).resolve().parent


class Judge:
    """A running program that answers each line of JSON with a line of JSON."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def built(name: str) -> Path:
    """The program of a folder beside this file, built once for each state of its sources."""
    if shutil.which("go") is None:
        reason = "needs Go 1.26 (Debian or https://go.dev) and the Go module proxy, to build Kubernetes' own judge"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = HERE / name
    state = hashlib.sha256(b"".join((folder / file).read_bytes() for file in ("main.go", "go.mod", "go.sum")))
    program = ROOT / ".cache" / "judges" / f"{name}-{state.hexdigest()[:12]}"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        own = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["go", "build", "-o", own, "."], cwd=folder, check=True)
        own.replace(program)
    return program


@pytest.fixture(scope="session")
def pod_security() -> Iterator[Judge]:
    judge = Judge(built("podsecurity"))
    yield judge
    judge.close()
