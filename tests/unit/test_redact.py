"""What is a secret, and that it is gone wherever it occurs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.redact import PLACEHOLDER, WELL_KNOWN, Masker

CANARY = "c4n4ry-v4lue"


@pytest.mark.parametrize(
    "body",
    [
        {"apiVersion": "v1", "kind": "Secret", "data": {"k": base64.b64encode(CANARY.encode()).decode()}},
        {"apiVersion": "v1", "kind": "Secret", "stringData": {"k": CANARY}},
        {"spec": {"env": [{"name": "DB_PASSWORD", "value": CANARY}]}},
        {"spec": {"password": CANARY}},
        {"spec": {"apiKey": CANARY}},
        {"metadata": {"annotations": {"example.com/token": CANARY}}},
        {"spec": {"args": [f"--db-password={CANARY}"]}},
        {"spec": {"command": ["run", "--token", CANARY]}},
        {"spec": {"url": f"postgres://admin:{CANARY}@db/x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"JWT_SECRET": CANARY}},
        {"kind": "EncryptionConfiguration", "resources": [{"providers": [{"aescbc": {"keys": [{"secret": CANARY}]}}]}]},
        {"spec": {"env": [{"name": "SECRET_KEY", "value": CANARY}]}},
        {"spec": {"args": [f"--jwt-secret={CANARY}"]}},
        {"spec": {"pg_hba": [f"host all all 0.0.0.0/0 ldap ldapbindpasswd={CANARY}"]}},
        {"data": {"app.conf": f"user = me\npassword = {CANARY}\n"}},
        {"data": {"app.yaml": f"db:\n  password: '{CANARY}'\n"}},
    ],
)
def test_secret_values_leave_the_object_and_every_text(body: dict[str, Any]) -> None:
    masker = Masker()
    cleaned = masker.clean(body)
    assert CANARY not in repr(cleaned)
    assert PLACEHOLDER in repr(cleaned)
    assert CANARY not in masker.mask(f"found {CANARY}.")
    assert base64.b64encode(CANARY.encode()).decode() not in masker.mask(
        "b64 " + base64.b64encode(CANARY.encode()).decode()
    )


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"secretName": "web-tls", "passwordSecretRef": {"name": "db", "key": "password"}}},
        {"spec": {"automountServiceAccountToken": False}},
        {"spec": {"env": [{"name": "DB_PASSWORD", "value": "$(FROM_ELSEWHERE)"}]}},
        {"spec": {"env": [{"name": "DB_PASSWORD", "value": ""}]}},
        {"spec": {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]}},
        {"spec": {"existingSecret": "db", "url": "postgres://$(U):$(P)@db/x", "git": "ssh://git@example.com/x"}},
        {"data": {"run.sh": "db_password=$(cat /run/x)\necho"}},
        {"spec": {"data": [{"secretKey": "password", "remoteRef": {"key": "db"}}]}},
    ],
)
def test_names_and_references_are_no_secrets(body: dict[str, Any]) -> None:
    assert Masker().clean(body) == body


@pytest.mark.parametrize(
    "value",
    [
        f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----",
        "AKIA" + "Q7" * 8,
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_values_that_tell_what_they_are_need_no_name(value: str) -> None:
    masker = Masker()
    assert value not in repr(masker.clean({"spec": {"x": f"a {value} b"}}))
    assert CANARY not in masker.mask(f"found {CANARY}, {value}") or CANARY not in value


def test_null_fields_are_absent() -> None:
    assert Masker().clean({"a": None, "b": {"c": None}}) == {"b": {}}


def test_last_applied_is_never_kept() -> None:
    body = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}}}
    assert Masker().clean(body) == {"metadata": {"annotations": {"a": "b"}}}


def test_the_project_adds_names_and_values() -> None:
    masker = Masker(names=["pin-code"], values=["always-hidden"])
    assert masker.clean({"pinCode": "123456"}) == {"pinCode": PLACEHOLDER}
    assert masker.mask("x always-hidden y") == f"x {PLACEHOLDER} y"


def test_short_values_are_masked_as_words_only() -> None:
    masker = Masker()
    masker.learn("abcd")
    masker.learn("it")
    assert masker.mask("abcd abcdef x=abcd, it is") == f"{PLACEHOLDER} abcdef x={PLACEHOLDER}, it is"
    assert masker.mask_source("k: it # its") == f"k: {PLACEHOLDER} # its"


def test_source_lines_lose_what_they_assign_to_credentials_though_nobody_learnt_it() -> None:
    assert Masker().mask_source("a: b\n  db_password: never-rendered") == f"a: b\n  db_password: {PLACEHOLDER}"


@given(st.text(min_size=6).filter(lambda text: text.strip() == text and len(text.strip()) > 5), st.text(), st.text())
def test_a_learnt_value_never_comes_through(secret: str, before: str, after: str) -> None:
    masker = Masker()
    masker.learn(secret)
    masked = masker.mask(before + secret + after)
    assert secret not in masked or secret in PLACEHOLDER


@pytest.mark.parametrize(
    ("field", "key", "value", "shown"),
    [
        ("data", "postgres-password", "Y2hhbmdlbWU=", WELL_KNOWN),
        ("stringData", "GF_SECURITY_ADMIN_PASSWORD", "Prom-Operator", WELL_KNOWN),
        ("data", "password", "YWRtaW4K", WELL_KNOWN),
        ("data", "username", "YWRtaW4=", PLACEHOLDER),
        ("stringData", "password", "k8Zq-not-in-any-list", PLACEHOLDER),
        ("stringData", "password", "", ""),
    ],
)
def test_a_well_known_password_is_called_that(field: str, key: str, value: str, shown: str) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, field: {key: value}}
    assert Masker().clean(body)[field] == {key: shown}


def test_a_word_that_calls_itself_a_placeholder_is_no_secret() -> None:
    masker = Masker()
    assert masker.clean({"spec": {"password": "controller-password-placeholder-0"}}) == {
        "spec": {"password": "controller-password-placeholder-0"}
    }
    assert masker.clean({"spec": {"password": "s3cr3t placeholder"}}) == {"spec": {"password": PLACEHOLDER}}
