"""The functions that rules have beside CEL's own, written in Python.

The Kubernetes CEL libraries are not in the runtime, and opaque types are not supported there: a quantity is a
number, a duration a number of days or seconds, an address a string. ``docs/functions.md`` lists each encoding and
each known difference from the API server. A function that cannot answer raises: the verdict is then ``error``,
so rules ask first (``yaml.valid``, ``isQuantity`` ...).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from assay.engine.personal import personal_records
from assay.redact import PLACEHOLDER, WELL_KNOWN
from assay.schedules import cron_gap_hours, duration_days, is_cron, is_duration, is_time, time_days

# Kubernetes apimachinery, resource.Quantity: binary and decimal suffixes, or a decimal exponent.
_SUFFIXES = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9, "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15, "E": Decimal(10) ** 18, "Ki": Decimal(2) ** 10, "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30, "Ti": Decimal(2) ** 40, "Pi": Decimal(2) ** 50, "Ei": Decimal(2) ** 60,
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_SEMVER = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def quantity(value: Any) -> float:
    """A Kubernetes quantity as a number: ``500m`` is 0.5, ``1Gi`` is 1073741824; a number is itself."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError("no quantity")
    number, suffix = match[1], match[2] or ""
    if suffix in _SUFFIXES:
        return float(Decimal(number) * _SUFFIXES[suffix])
    return float(Decimal(number + suffix))


def is_quantity(value: Any) -> bool:
    """Whether :func:`quantity` can read a value."""
    try:
        quantity(value)
    except (ValueError, InvalidOperation):
        return False
    return True


def is_ip(value: str) -> bool:
    """Whether a text is one IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_cidr(value: str) -> bool:
    """Whether a text is an address with a prefix length."""
    try:
        _network(value)
    except ValueError:
        return False
    return True


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if "/" not in value:
        raise ValueError("no CIDR")
    return ipaddress.ip_network(value, strict=False)


def cidr_contains(outer: str, inner: str) -> bool:
    """Whether a CIDR holds an address or another CIDR completely."""
    network = _network(outer)
    other = _network(inner) if "/" in inner else ipaddress.ip_network(inner)
    if network.version != other.version:
        return False
    return int(network.network_address) <= int(other.network_address) and int(other.broadcast_address) <= int(
        network.broadcast_address
    )


def cidr_prefix(value: str) -> int:
    """The prefix length of a CIDR, in bits."""
    return _network(value).prefixlen


def url_part(name: str) -> Callable[[str], str]:
    """A function that gives one part of a URL in lower case, or the empty string."""

    def part(value: str) -> str:
        return str(getattr(urlsplit(value), name) or "").lower()

    return part


def is_url(value: str) -> bool:
    """Whether a text is an absolute URL with a host."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


def _version(value: str) -> tuple[tuple[int, int, int], list[tuple[int, int, str]] | None]:
    match = _SEMVER.fullmatch(value)
    if match is None:
        raise ValueError("no version")
    numbers = (int(match[1]), int(match[2] or 0), int(match[3] or 0))
    if match[4] is None:
        return numbers, None
    return numbers, [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in match[4].split(".")]


def semver_compare(left: str, right: str) -> int:
    """-1, 0 or 1 by Semantic Versioning 2.0.0 section 11; ``v`` and missing parts are accepted."""
    (a, a_pre), (b, b_pre) = _version(left), _version(right)
    if a != b:
        return -1 if a < b else 1
    if a_pre is None or b_pre is None:
        return (a_pre is None) - (b_pre is None)
    return (a_pre > b_pre) - (a_pre < b_pre)


def is_semver(value: str) -> bool:
    """Whether :func:`semver_compare` can read a text."""
    return _SEMVER.fullmatch(value) is not None


def regex_find(text: str, pattern: str) -> str:
    """The first match of a regular expression, or the empty string."""
    match = re.search(pattern, text)
    return match[0] if match else ""


def yaml_valid(text: str) -> bool:
    """Whether a text is exactly one YAML document that holds something."""
    from assay.documents import Document, read_documents

    found = list(read_documents(text))
    return len(found) == 1 and isinstance(found[0], Document) and found[0].value is not None


def yaml_parse(text: str) -> Any:
    """The one YAML document in a text, with Kubernetes' meaning."""
    from assay.documents import Document, read_documents

    found = list(read_documents(text))
    if len(found) != 1 or not isinstance(found[0], Document):
        raise ValueError("not one YAML document")
    return found[0].value


def flags(arguments: Sequence[Any]) -> dict[str, str]:
    """Command-line flags by name without dashes: ``--a=b`` and ``--a b`` give ``b``, a bare ``--a`` gives ``true``.

    The last one of a name counts. A word after a bare flag is taken for its value, as the kubelet's parser and
    Go's ``flag`` package differ there; what follows ``--`` is no flag.
    """
    found: dict[str, str] = {}
    words = [str(argument) for argument in arguments]
    for index, word in enumerate(words):
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            continue
        name, has_value, value = word.lstrip("-").partition("=")
        following = words[index + 1] if index + 1 < len(words) else "-"
        found[name] = value if has_value else "true" if following.startswith("-") else following
    return found


def is_secret(value: Any) -> bool:
    """Whether a value, or a part of a text, is a secret that was masked while reading."""
    return isinstance(value, str) and PLACEHOLDER in value


def is_well_known_secret(value: Any) -> bool:
    """Whether a value of a Secret is a password that products come with or people type first."""
    return isinstance(value, str) and WELL_KNOWN in value


Entry = tuple[str, str, tuple[str, ...], bool, Callable[..., Any]]

# name, result, parameters, called on a value (``text.find(pattern)``), body
FUNCTIONS: tuple[Entry, ...] = (
    ("quantity", "DOUBLE", ("DYN",), False, quantity),
    ("isQuantity", "BOOL", ("DYN",), False, is_quantity),
    ("duration.days", "DOUBLE", ("STRING",), False, duration_days),
    ("duration.valid", "BOOL", ("DYN",), False, is_duration),
    ("time.days", "DOUBLE", ("STRING",), False, time_days),
    ("time.valid", "BOOL", ("DYN",), False, is_time),
    ("cron.interval", "DOUBLE", ("STRING",), False, cron_gap_hours),
    ("cron.valid", "BOOL", ("DYN",), False, is_cron),
    ("isIP", "BOOL", ("STRING",), False, is_ip),
    ("isCIDR", "BOOL", ("STRING",), False, is_cidr),
    ("cidr.contains", "BOOL", ("STRING", "STRING"), False, cidr_contains),
    ("cidr.prefix", "INT", ("STRING",), False, cidr_prefix),
    ("isURL", "BOOL", ("STRING",), False, is_url),
    ("url.scheme", "STRING", ("STRING",), False, url_part("scheme")),
    ("url.host", "STRING", ("STRING",), False, url_part("hostname")),
    ("url.path", "STRING", ("STRING",), False, url_part("path")),
    ("isSemver", "BOOL", ("STRING",), False, is_semver),
    ("semver.compare", "INT", ("STRING", "STRING"), False, semver_compare),
    ("find", "STRING", ("STRING", "STRING"), True, regex_find),
    ("yaml.valid", "BOOL", ("STRING",), False, yaml_valid),
    ("yaml.parse", "DYN", ("STRING",), False, yaml_parse),
    ("flags", "DYN", ("DYN",), False, flags),
    ("personal.records", "STRING", ("STRING",), False, personal_records),
    ("isSecret", "BOOL", ("DYN",), False, is_secret),
    ("isWellKnownSecret", "BOOL", ("DYN",), False, is_well_known_secret),
)
