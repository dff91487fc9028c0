"""Durations and cron schedules as numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

# Go's time.ParseDuration units, then days, weeks, months and years as backup tools write them. A month is 30
# days and a year 365, the shortest reading, so that a minimum retention is never passed by rounding up.
_UNIT_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
    "d": 86400.0, "w": 604800.0, "y": 31536000.0,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|[smhdwy])")
_ISO = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_ISO_SECONDS = (31536000.0, 2592000.0, 604800.0, 86400.0, 3600.0, 60.0, 1.0)
_WORDS = re.compile(r"(\d+)\s*(second|minute|hour|day|week|month|year)s?", re.IGNORECASE)
_WORD_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "month": 2592000,
    "year": 31536000,
}


def duration_days(text: str) -> float:
    """A duration in days: ``720h`` is 30, ``30d``, ``4w``, ``P1M``, ``30 days``.

    Raises:
        ValueError: Another form; a bare number has no unit and is refused, but ``0`` is 0.
    """
    plain = text.strip()
    if plain == "0":
        return 0.0
    if plain.startswith("P") and len(plain) > 1 and not plain.endswith("T"):
        iso = _ISO.fullmatch(plain)
        if iso:
            return sum(float(n) * s for n, s in zip(iso.groups(), _ISO_SECONDS, strict=True) if n) / 86400
    words = _WORDS.fullmatch(plain)
    if words:
        return int(words[1]) * _WORD_SECONDS[words[2].lower()] / 86400
    parts = _PART.findall(plain)
    if not parts or "".join(number + unit for number, unit in parts) != plain:
        raise ValueError("no duration")
    return float(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)) / 86400


def is_duration(value: Any) -> bool:
    """Whether :func:`duration_days` can read a value."""
    try:
        duration_days(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


# Vixie cron fields, and robfig/cron (which Kubernetes and the backup operators use): an optional field of seconds
# comes first, `@every` takes a duration, a `TZ=` or `CRON_TZ=` prefix moves the clock only.
_ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = {
    name: i
    for i, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_DAYS = {name: i for i, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_YEARS = 5  # leap days and the longest gap of day-of-month 31 lie within


def cron_gap_hours(schedule: str) -> float:
    """The longest time between two runs of a schedule, in hours; a schedule that never runs gives infinity.

    Raises:
        ValueError: No cron schedule.
    """
    text = re.sub(r"^(CRON_)?TZ=\S+\s+", "", schedule.strip())
    if text.startswith("@every "):
        return duration_days(text.removeprefix("@every ")) * 24
    fields = _ALIASES.get(text.lower(), text).split()
    if len(fields) == 6:
        fields = fields[1:]
    if len(fields) != 5:
        raise ValueError("no cron schedule")
    minutes, hours = _field(fields[0], 0, 59), _field(fields[1], 0, 23)
    days = _run_days(fields[2], fields[3], fields[4])
    if not (minutes and hours and days):
        return float("inf")
    times = sorted(timedelta(hours=h, minutes=m) for h in hours for m in minutes)
    within = max((b - a for a, b in pairwise(times)), default=timedelta())
    between = max((b - a for a, b in pairwise(days)), default=timedelta(days=365 * _YEARS))
    return max(within, between + times[0] - times[-1]) / timedelta(hours=1)


def is_cron(value: Any) -> bool:
    """Whether :func:`cron_gap_hours` can read a value."""
    try:
        cron_gap_hours(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _run_days(day: str, month: str, weekday: str) -> list[datetime]:
    """The days of a few years on which a schedule runs; with both day fields given either is enough."""
    days, months = _field(day, 1, 31), _field(month, 1, 12, _MONTHS)
    weekdays = {d % 7 for d in _field(weekday, 0, 7, _DAYS)}
    either = not (day.startswith(("*", "?")) or weekday.startswith(("*", "?")))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    if len(days) == 31 and len(months) == 12 and len(weekdays) == 7:
        return [start, start + timedelta(days=1)]  # every day, as most schedules say
    found = []
    for offset in range(366 * _YEARS):
        at = start + timedelta(days=offset)
        by_day, by_week = at.day in days, at.isoweekday() % 7 in weekdays
        if at.month in months and ((by_day or by_week) if either else (by_day and by_week)):
            found.append(at)
    return found


def _field(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, names)
            last = _number(end, names) if dash else high if step else first
        if not low <= first <= high or not first <= last <= high or (step and not step.isdecimal()) or step == "0":
            raise ValueError("no cron schedule")
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError("no cron schedule")
    return int(text)


def is_time(value: Any) -> bool:
    """Whether :func:`time_days` can read a value."""
    try:
        time_days(value)
    except (TypeError, ValueError):
        return False
    return True


def time_days(value: str) -> float:
    """A date (``2026-03-01``) or a time (RFC 3339, UTC where it names no offset) as days since 1970-01-01 UTC."""
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() / 86400
