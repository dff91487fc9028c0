"""Programs that decide what Kubernetes decides, built from its own modules and kept in ``.cache/judges``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.conftest import ROOT
from tests.judges.server import Programs, Server, locked, running

HERE = Path(__file__).resolve().parent
COMPARED = "compared"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much each test compared."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == COMPARED:
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")


@pytest.fixture
def compared(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes what a test has compared, in words, for the end of the run."""
    return lambda text: record_property(COMPARED, text)


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


def unavailable(reason: str) -> NoReturn:
    """Skip the test for a reason that says what would run it; where CI runs, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def built(name: str, ldflags: str = "") -> Path:
    """The program of a folder beside this file, built once for each state of its sources and of what the linker sets.

    With pytest-xdist several processes may want it at once: the first builds and the others wait.
    """
    if shutil.which("go") is None:
        unavailable("needs Go 1.26 (Debian or https://go.dev) and the Go module proxy, to build Kubernetes' own judge")
    folder = HERE / name
    state = hashlib.sha256(b"".join((folder / file).read_bytes() for file in ("main.go", "go.mod", "go.sum")))
    state.update(ldflags.encode())
    program = ROOT / ".cache" / "judges" / f"{name}-{state.hexdigest()[:12]}"
    program.parent.mkdir(parents=True, exist_ok=True)
    with locked(program.with_suffix(".lock")):
        if not program.exists():
            own = program.with_suffix(f".{os.getpid()}")
            subprocess.run(["go", "build", "-trimpath", "-ldflags", ldflags, "-o", own, "."], cwd=folder, check=True)
            own.replace(program)
    return program


@pytest.fixture(scope="session")
def pod_security() -> Iterator[Judge]:
    judge = Judge(built("podsecurity"))
    yield judge
    judge.close()


@pytest.fixture(scope="session")
def api_programs() -> Programs:
    """What makes an API server, built and installed."""
    etcd = shutil.which("etcd")
    if etcd is None:
        unavailable("needs etcd (Debian: apt-get install etcd-server), which keeps what the API server is given")
    return Programs(built("apiserver", _version_flags()), Path(etcd))


@pytest.fixture(scope="session")
def api_server(api_programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The API server of Kubernetes, as ``tests/judges/server.py`` describes it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of a process lies in that of the run
    with running(api_programs, ROOT.parent / "shared" / "crds", folder) as server:
        yield server


def _version_flags() -> str:
    """What the build of a release sets: without it the server calls itself v0.0.0, and clients cannot read that."""
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)\n", (HERE / "apiserver" / "go.mod").read_text())
    assert found
    values = {"gitVersion": found[1], "gitMajor": found[2], "gitMinor": found[3]}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())])
