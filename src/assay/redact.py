"""Secrets: replaced by a placeholder while reading, and masked wherever they occur afterwards.

What a secret value is stands in ``docs/secrets.md``; the list of credential names is :data:`CREDENTIAL_NAMES` and
the project file can add to it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

PLACEHOLDER = "<masked secret>"

# The last words of a name that is given to a credential, after lower case and without - _ . and spaces.
CREDENTIAL_NAMES = (
    "password", "passwd", "passphrase", "pwd", "token", "apikey", "accesskey", "secretkey", "privatekey",
    "clientsecret", "sharedsecret", "signingkey", "encryptionkey", "connectionstring", "dsn", "credential",
    "credentials",
)  # fmt: skip
# Names of custom resource fields that end like a credential and hold the name or key of one.
_NAMES_OF_NAMES = frozenset({"secretkey", "propertykey", "serviceaccounttoken"})
_NOT_WORDS = re.compile(r"[-_. /]")
_URL_USER = re.compile(r"(?<=://)[^/\s@\"'<>]+(?=@)")
_ASSIGNMENT = re.compile(r"(?m)([A-Za-z][\w.-]*)([\"']?[ \t]*[:=][ \t]*)([\"']?)([^\s\"'#,;&]+)")
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)=(.+)", re.DOTALL)
# Stands for the placeholder while a text is masked, so that no value can match inside it.
_HIDDEN = "\ue0ff"
_SHORT = 5
_TRIVIAL = frozenset({"", "true", "false", "yes", "no", "on", "off", "null", "none", "~", PLACEHOLDER})


class Masker:
    """Learns secret values and takes them out of texts.

    Args:
        names: More credential names, and ``values`` that are secret wherever they stand (project file).
    """

    def __init__(self, names: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._names = (*CREDENTIAL_NAMES, *(_NOT_WORDS.sub("", name).lower() for name in names))
        self._credential: dict[str, bool] = {}
        self._known: set[str] = set()
        self._longest_first: list[str] = []
        for value in values:
            self.learn(value)

    def learn(self, value: Any) -> None:
        """Remember a secret value, its lines, its base64 form and what it decodes to."""
        if isinstance(value, (dict, list)):
            for part in value.values() if isinstance(value, dict) else value:
                self.learn(part)
            return
        text = str(value)
        if isinstance(value, bool) or value is None or text.lower() in _TRIVIAL:
            return
        forms = {
            text,
            text.strip(),
            json.dumps(text)[1:-1],
            base64.b64encode(text.encode("utf-8", "replace")).decode(),
        }
        decoded = _decoded(text)
        for form in (text, decoded):
            forms.update(line.strip() for line in form.splitlines() if len(line.strip()) > 3)
        forms.add(decoded.strip())
        self._known.update(form for form in forms if form.lower() not in _TRIVIAL)
        self._longest_first = []

    def mask(self, text: str) -> str:
        """A text without any learnt value; short ones only where they stand as a word of their own."""
        if not self._known or not text:
            return text
        if not self._longest_first:
            self._longest_first = sorted(self._known, key=lambda form: (-len(form), form))
        if "://" in text:
            text = _URL_USER.sub(_HIDDEN, text)
        for form in self._longest_first:
            if form in text:
                whole = len(form) > _SHORT
                text = text.replace(form, _HIDDEN) if whole else re.sub(_as_word(form), _HIDDEN, text)
        return text.replace(_HIDDEN, PLACEHOLDER)

    def is_credential(self, name: str) -> bool:
        """Whether a key, variable, flag or annotation is named like a credential."""
        known = self._credential.get(name)
        if known is None:
            plain = _NOT_WORDS.sub("", name).lower()
            known = plain.endswith(self._names) and plain not in _NAMES_OF_NAMES
            self._credential[name] = known
        return known

    def clean(self, body: dict[str, Any]) -> dict[str, Any]:
        """An object as it is judged: secret values are placeholders, null fields are absent.

        Every value that is replaced is learnt, so that it is masked elsewhere too.
        """
        cleaned: dict[str, Any] = self._value(body)
        if cleaned.get("kind") == "Secret" and cleaned.get("apiVersion") == "v1":
            for field in ("data", "stringData"):
                if isinstance(body.get(field), dict):
                    self.learn(body[field])
                    cleaned[field] = {key: PLACEHOLDER if value else "" for key, value in body[field].items()}
        annotations = cleaned.get("metadata", {})
        annotations = annotations.get("annotations") if isinstance(annotations, dict) else None
        if isinstance(annotations, dict):
            annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        return cleaned

    def learn_named(self, values: Any) -> None:
        """Learn what is named like a credential in values that are no object, such as those of a template."""
        self._value(values)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            cleaned = {key: self._entry(key, item) for key, item in value.items() if item is not None}
            name = value.get("name")
            if "value" in cleaned and isinstance(name, str) and self.is_credential(name):
                cleaned["value"] = self._hide(value["value"])
            return cleaned
        if isinstance(value, list):
            return self._list(value)
        return self._text(value) if isinstance(value, str) else value

    def _entry(self, key: str, item: Any) -> Any:
        if isinstance(item, (str, int, float)) and not isinstance(item, bool) and self.is_credential(key):
            return self._hide(item)
        return self._value(item)

    def _hide(self, item: Any) -> Any:
        if isinstance(item, (dict, list)):
            return self._value(item)
        if isinstance(item, bool) or str(item).lower() in _TRIVIAL or str(item).startswith("$("):
            return item
        self.learn(item)
        return PLACEHOLDER

    def _list(self, items: list[Any]) -> list[Any]:
        """A list, with the values of credential flags in a command line taken out."""
        found = []
        after_flag = False
        for item in items:
            if not isinstance(item, str):
                found.append(self._value(item))
                after_flag = False
                continue
            flag = _FLAG.fullmatch(item)
            if after_flag and not item.startswith("-"):
                found.append(self._hide(item))
            elif flag and self.is_credential(flag[1]):
                hidden = self._hide(flag[2])
                found.append(item[: flag.start(2)] + str(hidden))
            else:
                found.append(self._text(item))
            after_flag = item.startswith("-") and "=" not in item and self.is_credential(item.lstrip("-"))
        return found

    def _text(self, text: str) -> str:
        """A text without the users of its URLs and, if it has lines, without what its lines assign to credentials."""
        if "://" in text and "@" in text:
            for match in _URL_USER.finditer(text):
                self.learn(match[0])
                self.learn(match[0].partition(":")[2])
            text = _URL_USER.sub(PLACEHOLDER, text)
        if "\n" not in text:
            return text
        return "\n".join(self._line(line) for line in text.split("\n"))

    def _line(self, line: str) -> str:
        if "=" not in line and ":" not in line:
            return line
        squeezed = _NOT_WORDS.sub("", line).lower()
        return _ASSIGNMENT.sub(self._assignment, line) if any(name in squeezed for name in self._names) else line

    def _assignment(self, match: re.Match[str]) -> str:
        name, between, quote, value = match.groups()
        if not self.is_credential(name) or value.startswith(("$", "{", "[", "|", ">")):
            return match[0]
        return f"{name}{between}{quote}{self._hide(value)}"


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _as_word(form: str) -> str:
    return rf"(?<![\w.-]){re.escape(form)}(?![\w.-])"
