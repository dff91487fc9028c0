"""Records about people inside a text, found by their form and never by words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_MANY = 5
"""Fewer addresses or numbers are the contacts of a team and no list of people."""

# Local parts of roles, and domains of machines: no people.
_MAIL_HOST = r"(?i)@(?![\w.-]*gserviceaccount)(?:[a-z0-9-]+\.)+[a-z]{2,}(?![\w-])"
_MAIL_LOCAL = r"[\w.+-]+\Z"
_MAIL_LOCAL_LENGTH = 64
"""RFC 5321, section 4.5.3.1.1."""
_ROLES = r"(?i)admin|root|info|support|security|ops|alerts?|no-?reply|postmaster|abuse|hostmaster|webmaster|git"
# ITU-T E.164: a plus, a country code, at most 15 digits.
_PHONE = r"(?<![\w.+/-])\+[1-9][0-9]{0,2}(?:[ ./-]?\(?[0-9]{1,5}\)?){2,6}(?![\w-])"
# ISO 13616: the length of an account number is its country's; the remainder of a division by 97 is 1.
# Patterns begin with a set of characters, and look back afterwards: that is searched for several times as fast.
_IBAN = r"[A-Z](?<![0-9A-Za-z].)[A-Z][0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?(?![0-9A-Za-z])"
_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18,
    "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
}  # fmt: skip
_PASSPORT = r"(?i)passport[a-z _.-]{0,20}[\"']?[ \t]*[:=,;][ \t]*[\"']?(?:[A-Z]{1,2}[0-9]{6,8}|[0-9]{9})(?![0-9A-Za-z])"
# ISO/IEC 7812: first digits and length of the issuers; the last digit is the check digit of Luhn's formula.
_CARD = (
    r"(?<![\w.+-])(?:(?:4[0-9]{3}|5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720|6011"
    r"|65[0-9]{2}|352[89]|35[3-8][0-9])(?:[ -]?[0-9]{4}){3}|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11})(?![\w-]|\.[0-9])"
)
_LIKE_A_CARD = r"[0-9]{4}[ -]?[0-9]{4,6}[ -]?[0-9]{4}"

_pattern = cache(re.compile)
"""Each pattern is compiled when the first text asks for it: that takes longer than a search."""


def personal_records(text: str) -> str:
    """What kind of records about people a text holds, in words; the empty string if none are seen."""
    if text.count("@") >= _MANY and len(set(_addresses(text))) >= _MANY:
        return "a list of e-mail addresses"
    if text.count("+") >= _MANY and len(set(filter(_is_phone, _pattern(_PHONE).findall(text)))) >= _MANY:
        return "a list of phone numbers"
    if any(_is_iban(match[0].replace(" ", "")) for match in _pattern(_IBAN).finditer(text)):
        return "an account number"
    if "assport" in text.lower() and _pattern(_PASSPORT).search(text):
        return "a passport number"
    cards = _pattern(_CARD).findall(text) if _pattern(_LIKE_A_CARD).search(text) else []
    return "a card number" if any(_is_card(_digits(card)) for card in cards) else ""


def _addresses(text: str) -> Iterator[str]:
    """The e-mail addresses of people in a text; searched for from the sign in the middle, of which there are few."""
    for host in _pattern(_MAIL_HOST).finditer(text):
        first = max(host.start() - _MAIL_LOCAL_LENGTH - 1, 0)
        local = _pattern(_MAIL_LOCAL).search(text, first, host.start())
        if local and len(local[0]) <= _MAIL_LOCAL_LENGTH and not _pattern(_ROLES).fullmatch(local[0]):
            yield (local[0] + host[0]).lower()


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _is_phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _is_iban(text: str) -> bool:
    if len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _is_card(digits: str) -> bool:
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
