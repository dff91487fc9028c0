"""Secrets: replaced by a placeholder while reading, and masked wherever they occur afterwards.

What a secret value is stands in ``docs/secrets.md``; the list of credential names is :data:`CREDENTIAL_NAMES` and
the project file can add to it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

PLACEHOLDER = "<masked secret>"
WELL_KNOWN = f"{PLACEHOLDER} (well known)"
"""Stands for a password that everybody tries first; it says no more than that."""

# The last words of a name that is given to a credential, after lower case and without - _ . and spaces.
CREDENTIAL_NAMES = (
    "password", "passwd", "passphrase", "pwd", "token", "apikey", "accesskey", "secretkey", "privatekey",
    "clientsecret", "sharedsecret", "signingkey", "encryptionkey", "connectionstring", "dsn", "credential",
    "credentials",
)  # fmt: skip
# Passwords that products and charts come with, and those that people type first; in lower case.
WELL_KNOWN_PASSWORDS = frozenset({
    "123456", "12345678", "123456789", "admin", "admin123", "administrator", "airflow", "bitnami", "change-me",
    "changeit", "changeme", "default", "demo", "elastic", "example", "grafana", "guest", "harbor12345",
    "harbor_registry_password", "jenkins", "keycloak", "letmein", "mariadb", "minio", "minio123", "minioadmin",
    "mongo", "mongodb", "mysql", "not-a-secure-key", "not-secure-database-password", "oracle", "p@ssw0rd", "pass",
    "passw0rd", "password", "password1", "password123", "postgres", "prom-operator", "qwerty", "rabbitmq", "redis",
    "replaceme", "root", "secret", "test", "toor", "user", "welcome",
})  # fmt: skip
# More of them where names are chosen by people and not by a schema: variables, flags, keys of a ConfigMap.
FREE_NAMES = ("secret", "secretkey")
# Names of custom resource fields that end like a credential and hold the name or key of one.
_NAMES_OF_NAMES = frozenset({"secretkey", "propertykey", "serviceaccounttoken"})
# Values that tell what they are wherever they stand: private keys (PEM, RFC 7468), AWS access key ids, JWTs (RFC 7519).
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![0-9A-Za-z])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])"
    r"|(?<![0-9A-Za-z])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    re.DOTALL,
)
_NOT_WORDS = re.compile(r"[-_. /]")
_NO_WORDS = dict.fromkeys(map(ord, "-_. /"))
# A reference such as $(USER):$(PASSWORD) is no secret, and everybody's user of a git server is git.
_URL_USER = re.compile(r"(?<=://)(?!git@)(?!(?:[^/\s@:]*:)?\$[({][^@/\s]*[)}]@)[^/\s@\"'<>]+(?=@)")
# It begins at the first letter of a name: tried at each letter, long words would take quadratic time.
_ASSIGNMENT = re.compile(r"(?m)(?<![A-Za-z])([A-Za-z][\w.-]*+)([\"']?[ \t]*+[:=][ \t]*+)([\"']?)([^\s\"'#,;&]+)")
_REFERENCE = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+")
# What a chart writes where a program puts the value later: it says itself that it is none.
_STAND_IN = re.compile(r"[\w.-]*placeholder[\w.-]*", re.IGNORECASE)
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)=(.+)", re.DOTALL)
# Stands for the placeholder while a text is masked, so that no value can match inside it.
_HIDDEN = "\ue0ff"
_SHORT = 5
_SHORTEST = 4
_KEY_ONLY = re.compile(r"[-#\s\w.\"']*:")
_TRIVIAL = frozenset({"", "true", "false", "yes", "no", "on", "off", "null", "none", "~", PLACEHOLDER})


class Masker:
    """Learns secret values and takes them out of texts.

    Args:
        names: More credential names, and ``values`` that are secret wherever they stand (project file).
    """

    def __init__(self, names: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._names = (*CREDENTIAL_NAMES, *(_NOT_WORDS.sub("", name).lower() for name in names))
        self._free_names = (*self._names, *FREE_NAMES)
        self._credential: dict[str, bool] = {}
        self._known: set[str] = set()
        self._heads: dict[tuple[str, ...], list[str]] = {}
        self._short: list[str] = []
        self._sorted = False
        self._masked: dict[str, str] = {}
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
        # A line that is only a key or a heading of a configuration file hides nothing and stands in others too.
        forms = {form for form in forms if not _KEY_ONLY.fullmatch(form) or form == text.strip()}
        forms.add(decoded.strip())
        self._known.update(form for form in forms if form.lower() not in _TRIVIAL)
        self._sorted = False
        self._masked = {}

    def learnt(self) -> frozenset[str]:
        """Every form of a value that was learnt so far."""
        return frozenset(self._known)

    def learn_forms(self, forms: frozenset[str]) -> None:
        """Take in what another masker has learnt."""
        if not forms <= self._known:
            self._known |= forms
            self._sorted = False
            self._masked = {}

    def mask(self, text: str) -> str:
        """A text without any learnt value.

        Texts are made from objects that were cleaned, so values of fewer than four characters are left: they would
        be found in every sentence. :meth:`mask_source` takes them out of what people wrote.
        """
        if not self._known or not text:
            return text
        known = self._masked.get(text)
        if known is None:
            known = self._masked[text] = self._mask(text, shortest=_SHORTEST)
        return known

    def mask_source(self, text: str) -> str:
        """A text that people wrote, or that was rendered from it, without secrets; short ones as words of their own.

        What it assigns to a credential goes too: a branch of a template that was not rendered holds secrets that
        nobody learnt.
        """
        return self._mask("\n".join(self._line(line) for line in text.split("\n")), shortest=1)

    def _mask(self, text: str, *, shortest: int) -> str:
        if "://" in text:
            text = _URL_USER.sub(_HIDDEN, text)
        for form in self._candidates(text):
            if len(form) >= shortest and form in text:
                whole = len(form) > _SHORT
                text = text.replace(form, _HIDDEN) if whole else re.sub(_as_word(form), _HIDDEN, text)
        return text.replace(_HIDDEN, PLACEHOLDER)

    def _candidates(self, text: str) -> list[str]:
        """The values that a text may hold, the longest first: it holds their beginning. There can be thousands."""
        if not self._sorted:
            self._heads, self._short, self._sorted = {}, [], True
            for form in self._known:
                whole = len(form) >= _SHORTEST
                (self._heads.setdefault(tuple(form[:_SHORTEST]), []) if whole else self._short).append(form)
        heads = self._heads.keys() & zip(text, text[1:], text[2:], text[3:], strict=False)
        if not heads and not self._short:
            return []
        found = [*self._short, *(form for head in heads for form in self._heads[head])]
        return sorted(found, key=lambda form: (-len(form), form))

    def is_credential(self, name: str) -> bool:
        """Whether a key, variable, flag or annotation is named like a credential."""
        known = self._credential.get(name)
        if known is None:
            plain = _NOT_WORDS.sub("", name).lower()
            known = plain.endswith(self._names) and plain not in _NAMES_OF_NAMES
            self._credential[name] = known
        return known

    def _is_free_credential(self, name: str) -> bool:
        """The same for a name that no schema gives, where ``..._SECRET`` holds one and does not name one."""
        plain = _NOT_WORDS.sub("", name).lower()
        return self.is_credential(name) or (plain.endswith(FREE_NAMES) and not plain.endswith("existingsecret"))

    def clean(self, body: dict[str, Any]) -> dict[str, Any]:
        """An object as it is judged: secret values are placeholders, null fields are absent.

        Every value that is replaced is learnt, so that it is masked elsewhere too.
        """
        cleaned: dict[str, Any] = self._value(body)
        if cleaned.get("kind") == "Secret" and cleaned.get("apiVersion") == "v1":
            for field in ("data", "stringData"):
                if isinstance(body.get(field), dict):
                    self.learn(body[field])
                    cleaned[field] = {key: self._secret(key, value) for key, value in body[field].items()}
        if cleaned.get("kind") == "ConfigMap" and isinstance(cleaned.get("data"), dict):
            data = cleaned["data"]
            data.update({key: self._hide(data[key]) for key in data if self._is_free_credential(key)})
        if cleaned.get("kind") == "EncryptionConfiguration":
            _replace_key(cleaned, "secret", self._hide)
        annotations = cleaned.get("metadata", {})
        annotations = annotations.get("annotations") if isinstance(annotations, dict) else None
        if isinstance(annotations, dict):
            annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        return cleaned

    def learn_named(self, values: Any) -> None:
        """Learn what is named like a credential in values that are no object, such as those of a template."""
        self._value(values)

    def _secret(self, key: str, value: Any) -> str:
        """What stands for an entry of a Secret: empty ones stay so, and a well-known password is called that."""
        if not value:
            return ""
        forms = {str(value).strip().lower(), _decoded(str(value)).strip().lower()}
        return WELL_KNOWN if self._is_free_credential(key) and forms & WELL_KNOWN_PASSWORDS else PLACEHOLDER

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            cleaned = {}
            for key, item in value.items():
                if isinstance(item, (dict, list)):
                    cleaned[key] = self._value(item)
                elif item is not None:
                    cleaned[key] = self._entry(key, item)
            name = value.get("name")
            if "value" in cleaned and isinstance(name, str) and self._is_free_credential(name):
                cleaned["value"] = self._hide(value["value"])
            return cleaned
        if isinstance(value, list):
            return self._list(value)
        return self._text(value) if isinstance(value, str) else value

    def _entry(self, key: str, item: Any) -> Any:
        """A value that is neither map nor list."""
        if not isinstance(item, bool) and self.is_credential(key):
            return self._hide(item)
        return self._text(item) if isinstance(item, str) else item

    def _hide(self, item: Any) -> Any:
        if isinstance(item, (dict, list)):
            return self._value(item)
        if isinstance(item, bool) or str(item).lower() in _TRIVIAL or _REFERENCE.fullmatch(str(item)):
            return item
        if "placeholder" in str(item).lower() and _STAND_IN.fullmatch(str(item)):
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
            elif flag and self._is_free_credential(flag[1]):
                hidden = self._hide(flag[2])
                found.append(item[: flag.start(2)] + str(hidden))
            else:
                found.append(self._text(item))
            after_flag = item.startswith("-") and "=" not in item and self._is_free_credential(item.lstrip("-"))
        return found

    def _text(self, text: str) -> str:
        """A text without the users of its URLs and, if it has lines, without what its lines assign to credentials."""
        if "://" in text and "@" in text:
            for match in _URL_USER.finditer(text):
                self.learn(match[0])
                self.learn(match[0].partition(":")[2])
            text = _URL_USER.sub(PLACEHOLDER, text)
        if "PRIVATE KEY" in text or "AKIA" in text or "ASIA" in text or "eyJ" in text:
            text = _SHAPES.sub(lambda match: str(self._hide(match[0])), text)
        if "\n" not in text:
            return self._line(text) if "=" in text else text
        if not self._names_a_credential(text):
            return text
        return "\n".join(self._line(line) for line in text.split("\n"))

    def _names_a_credential(self, text: str) -> bool:
        """Whether a text holds a word that credentials are called by; most texts hold none, and need no closer look."""
        squeezed = text.lower().translate(_NO_WORDS)
        return any(name in squeezed for name in self._free_names)

    def _line(self, line: str) -> str:
        if ("=" not in line and ":" not in line) or not self._names_a_credential(line):
            return line
        return _ASSIGNMENT.sub(self._assignment, line)

    def _assignment(self, match: re.Match[str]) -> str:
        name, between, quote, value = match.groups()
        if not self._is_free_credential(name) or "$" in value or value.startswith(("{", "[", "|", ">")):
            return match[0]
        hidden = self._hide(value)
        return match[0] if hidden == value else f"{name}{between}{quote}{hidden}"


def _replace_key(value: Any, key: str, change: Callable[[Any], Any]) -> None:
    """Change what stands under a key anywhere in a value, in place."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            value[key] = change(value[key])
        for item in value.values():
            _replace_key(item, key, change)
    elif isinstance(value, list):
        for item in value:
            _replace_key(item, key, change)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _as_word(form: str) -> str:
    return rf"(?<![\w.-]){re.escape(form)}(?![\w.-])"
