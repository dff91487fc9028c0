"""The functions of ours that rules use, through the CEL runtime as rules do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.cel import Activation, Failed, Runtime
from assay.engine.functions import quantity, semver_compare
from assay.engine.personal import personal_records
from assay.schedules import cron_gap_hours, duration_days


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("quantity('1Gi')", 1073741824.0),
        ("quantity('500m')", 0.5),
        ("quantity('1e3')", 1000.0),
        ("quantity('1E')", 1e18),
        ("quantity('-1.5k')", -1500.0),
        ("quantity(2)", 2.0),
        ("isQuantity('1GB')", False),
        ("isQuantity(true)", False),
        ("isQuantity('.5')", True),
        ("duration.days('720h')", 30.0),
        ("duration.days('30d')", 30.0),
        ("duration.days('4w')", 28.0),
        ("duration.days('P1M')", 30.0),
        ("duration.days('P1DT12H')", 1.5),
        ("duration.days('1h30m')", 1.5 / 24),
        ("duration.days('7 days')", 7.0),
        ("duration.days('0')", 0.0),
        ("duration.valid('30')", False),
        ("duration.valid('d')", False),
        ("duration.valid('P')", False),
        ("duration.valid(30)", False),
        ("time.days('1970-01-02')", 1.0),
        ("time.days('2026-01-01T12:00:00Z') - time.days('2026-01-01')", 0.5),
        ("time.days('2026-01-01T01:00:00+01:00') == time.days('2026-01-01')", True),
        ("time.valid('2026-13-01') || time.valid('soon') || time.valid(3)", False),
        ("cron.interval('0 3 * * *')", 24.0),
        ("cron.interval('0 0 3 * * *')", 24.0),
        ("cron.interval('@daily')", 24.0),
        ("cron.interval('@every 6h')", 6.0),
        ("cron.interval('*/15 * * * *')", 0.25),
        ("cron.interval('0 0 * * 0')", 168.0),
        ("cron.interval('0 0 * * mon-fri')", 72.0),
        ("cron.interval('0 0 31 * *')", 24.0 * 61),
        ("cron.interval('TZ=UTC 0 0 * * *')", 24.0),
        ("cron.interval('0 0 30 2 *') > 10000.0", True),
        ("cron.valid('0 3 * *')", False),
        ("cron.valid('99 3 * * *')", False),
        ("cron.valid('0 3 * * */0')", False),
        ("isIP('10.0.0.1')", True),
        ("isIP('fe80::1')", True),
        ("isIP('10.0.0.256')", False),
        ("isCIDR('10.0.0.0/8')", True),
        ("isCIDR('10.0.0.1')", False),
        ("cidr.contains('10.0.0.0/8', '10.1.2.3')", True),
        ("cidr.contains('10.0.0.0/8', '10.1.0.0/16')", True),
        ("cidr.contains('10.1.0.0/16', '10.0.0.0/8')", False),
        ("cidr.contains('0.0.0.0/0', '::1')", False),
        ("cidr.prefix('0.0.0.0/0')", 0),
        ("isURL('https://a.b/c')", True),
        ("isURL('a.b/c')", False),
        ("url.scheme('HTTPS://A.b/c')", "https"),
        ("url.host('https://u@A.b:8443/c')", "a.b"),
        ("url.path('https://a.b/c')", "/c"),
        ("isSemver('v1.2')", True),
        ("isSemver('1.x')", False),
        ("semver.compare('v1.10', '1.9.3')", 1),
        ("semver.compare('1.0.0-rc.1', '1.0.0')", -1),
        ("semver.compare('1.0.0-rc.2', '1.0.0-rc.10')", -1),
        ("semver.compare('1.0', '1.0.0')", 0),
        ("'abc 123'.find('[0-9]+')", "123"),
        ("'abc'.find('[0-9]+')", ""),
        ("yaml.valid('a: 1')", True),
        ("yaml.valid('a: [')", False),
        ("yaml.valid('')", False),
        ("yaml.valid('a: 1\\n---\\nb: 2')", False),
        ("yaml.parse('a: {b: yes}').a.b", True),
        ("flags(['cmd', '--a=1', '--b', '2', '-c', '--', '--d=4'])", {"a": "1", "b": "2", "c": "true"}),
        ("isSecret('<masked secret>')", True),
        ("isSecret('x')", False),
        ("isSecret(3)", False),
    ],
)
def test_function(runtime: Runtime, expression: str, value: Any) -> None:
    assert runtime.evaluate(expression, Activation({})) == value


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('x')",
        "duration.days('30')",
        "cron.interval('x')",
        "cidr.prefix('x')",
        "yaml.parse('[')",
        "semver.compare('x', '1')",
    ],
)
def test_a_function_that_cannot_answer_is_an_error_and_never_a_value(runtime: Runtime, expression: str) -> None:
    assert isinstance(runtime.evaluate(expression, Activation({})), Failed)


@given(st.integers(0, 10**6), st.sampled_from(["m", "", "k", "Ki", "M", "Mi", "G", "Gi"]))
def test_quantities_grow_with_their_number(number: int, suffix: str) -> None:
    assert quantity(f"{number}{suffix}") < quantity(f"{number + 1}{suffix}")


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_versions_compare_both_ways(major: int, minor: int, patch: int) -> None:
    version = f"{major}.{minor}.{patch}"
    assert semver_compare(version, f"{major}.{minor}.{patch + 1}") == -1
    assert semver_compare(f"{major + 1}.0.0", version) == 1


@given(st.integers(1, 10**5))
def test_durations_agree_over_their_units(days: int) -> None:
    assert duration_days(f"{days}d") == pytest.approx(duration_days(f"{days * 24}h"))


@given(st.integers(0, 59), st.integers(0, 23))
def test_every_daily_schedule_runs_each_day(minute: int, hour: int) -> None:
    assert cron_gap_hours(f"{minute} {hour} * * *") == 24


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\n".join(f"user{n}@example.com" for n in range(5)), "a list of e-mail addresses"),
        ("\n".join(f"user{n}@example.com" for n in range(4)) + "\nUSER1@example.com\nops@example.com", ""),
        ("\n".join(f"sa{n}@project.iam.gserviceaccount.com" for n in range(9)), ""),
        ("team@example.com\n" * 20000, ""),
        ("+49 30 123456, +49 30 123457, +49 30 123458, +49 30 123459, +49 30 123450", "a list of phone numbers"),
        ("+1\n+2\n+3\n+4\n+5\n+6 lines of a difference", ""),
        ("iban: DE89 3704 0044 0532 0130 00", "an account number"),
        ("iban: DE88 3704 0044 0532 0130 00", ""),
        ("GB29NWBK60161331926819", "an account number"),
        ("DEADBEEF0123456789012345", ""),
        ("passport_number: 123456789", "a passport number"),
        ("passport: enabled\npassportStrategy: 12", ""),
        ("pan=4012-8888-8888-1881", "a card number"),
        ("371449635398431", "a card number"),
        ("4012888888881882 1700000000000 0.4012888888881881 4012888888881881-aaaa", ""),
        ("x@y " * 50000 + "+1 " * 50000 + "4012888888881882," * 5000, ""),
    ],
)
def test_records_about_people_are_known_by_their_form(text: str, kind: str) -> None:
    assert personal_records(text) == kind
