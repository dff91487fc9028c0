"""Exit codes as documented, through the installed command."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.stacks import BAD_POD, GOOD_POD, write
from tests.conftest import Assay

RULE = ("--rule", "container-not-privileged")


def test_0_nothing_found(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert "Passed." in ran.out


def test_1_a_failure(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 1
    assert "a.yaml" in ran.out
    assert "11:" in ran.out
    assert "privileged: true" in ran.out


@pytest.mark.parametrize(("threshold", "code"), [("low", 1), ("critical", 1), ("never", 0)])
def test_threshold(assay: Assay, tmp_path: Path, threshold: str, code: int) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    assert assay("scan", *RULE, "--fail-on", threshold, cwd=tmp_path).code == code


def test_threshold_of_a_less_severe_rule(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    rule = ("--rule", "container-read-only-root-filesystem")
    assert assay("scan", *rule, cwd=tmp_path).code == 1
    assert assay("scan", *rule, "--fail-on", "high", cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["scan", "missing.yaml"], "missing.yaml does not exist"),
        (["scan", "--rule", "container-not-privilegd"], "did you mean 'container-not-privileged'?"),
        (["scan", "--pack", "pci"], "did you mean 'pci-dss'?"),
        (["scan", "--env", "prod"], "there is no environment 'prod'"),
        (["scan", "--param", "nothing"], "--param nothing has no value"),
        (["scan", "--param", "nothing=1"], "there is no parameter 'nothing'"),
        (["scan", "--config", "none.yaml"], "does not exist"),
        (["scan", "--output", "pdf=x"], "write FORMAT=FILE"),
        (["scan", "--sarif-include", "all"], "only waived and baseline"),
        (["scan", "--as-of", "yesterday"], "no ISO 8601 time"),
        (["scan", "--no-such-option"], "No such option"),
        (["scna"], "Did you mean 'scan'?"),
        (["explain", "nothing-like-this"], "no rule and no control"),
        (["controls", "--pack", "x"], "there is no pack 'x'"),
    ],
)
def test_2_wrong_use(assay: Assay, tmp_path: Path, args: list[str], message: str) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    ran = assay(*args, cwd=tmp_path)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_2_nothing_to_scan(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml="just: data\n")
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 2
    assert "no Kubernetes object was found" in ran.err


def test_3_something_was_not_read_and_the_rest_still_is(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, good_dot_yaml=GOOD_POD, broken_dot_yaml="a: [\n")
    ran = assay("scan", "good.yaml", "broken.yaml", *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert "not read broken.yaml:" in ran.out
    assert "1 pass" in ran.out


def test_1_wins_over_3_and_the_text_says_both(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, bad_dot_yaml=BAD_POD, broken_dot_yaml="a: [\n")
    ran = assay("scan", "bad.yaml", "broken.yaml", *RULE, cwd=tmp_path)
    assert ran.code == 1
    assert "Failed: 1 failure" in ran.out
    assert "Incomplete: something could not be read" in ran.out


def test_3_strict(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    rule = ("--rule", "pod-selected-by-network-policy")
    assert assay("scan", *rule, cwd=tmp_path).code == 0
    ran = assay("scan", *rule, "--strict", cwd=tmp_path)
    assert ran.code == 3
    assert "--assume-complete" in ran.out
    assert assay("scan", *rule, "--assume-complete", cwd=tmp_path).code == 1


def test_3_an_identity_twice_in_a_project(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD, b_dot_yaml=GOOD_POD.replace("1.0", "2.0"))
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 0
    assert "defined twice" in ran.out
    write(tmp_path, assay_dot_yaml="version: 1\n")
    assert assay("scan", *RULE, cwd=tmp_path).code == 3


@pytest.mark.parametrize("name", ["empty.yaml", "data.yaml", "folder"])
def test_3_a_path_that_was_named_and_holds_no_object(assay: Assay, tmp_path: Path, name: str) -> None:
    write(tmp_path, good_dot_yaml=GOOD_POD, empty_dot_yaml="", data_dot_yaml="a: 1\n", folder__x_dot_txt="x")
    ran = assay("scan", "good.yaml", name, *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert f"{name} was named and holds no Kubernetes object" in ran.out
    assert "1 pass" in ran.out


def test_unreadable_yaml_found_by_walking_is_only_a_warning(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, good_dot_yaml=GOOD_POD, broken_dot_yaml="a: [\n")
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 0
    assert "warning broken.yaml:" in ran.out


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT, which Windows does not have; run it on Linux")
def test_130_interrupted(tmp_path: Path) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    write(tmp_path, stack__values_dot_yaml="x: 1\n", stack__slow_dot_yaml_dot_j2=endless)
    command = [str(Path(sys.executable).with_name("assay")), "scan", *RULE]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=8)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    command = (
        f"'{Path(sys.executable).with_name('assay')}' scan --all --format json | head -c 10; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode == 1
