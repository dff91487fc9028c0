"""``facts.namespace``, one case for each row of its decision table (docs/facts/namespace.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.facts import Facts
from tests.facts.hostile import BODIES, survives
from tests.facts.storage import Body, fact_of, rows_of, thing, world

SHOP = thing("v1", "Namespace", "shop", metadata={"labels": {"tier": "web"}})
CONFIG = thing("v1", "ConfigMap", "c", "shop")
NAME = "kubernetes.io/metadata.name"


def limits(*entries: Body, name: str = "l") -> Body:
    return thing("v1", "LimitRange", name, "shop", spec={"limits": [{"type": "Container", **e} for e in entries]})


def quota(name: str = "q", **spec: Any) -> Body:
    return thing("v1", "ResourceQuota", name, "shop", spec=spec)


CASES: list[tuple[str, Body, list[Body], dict[str, Any]]] = [
    ("a Namespace", SHOP, [], {"name": "shop", "seen": True, "labels": {"tier": "web", NAME: "shop"}}),
    ("an object in a namespace that was not seen", CONFIG, [], {"name": "shop", "seen": False, "labels": {}}),
    (
        "a Namespace that is there twice",
        CONFIG,
        [SHOP, thing("v1", "Namespace", "shop")],
        {"seen": False, "labels": {}},
    ),
    (
        "objects of two kinds",
        CONFIG,
        [thing("v1", "ConfigMap", "d", "shop"), thing("apps/v1", "Deployment", "d", "shop"), SHOP],
        {"counts": {"core/ConfigMap": 2, "apps/Deployment": 1}},
    ),
    (
        "a maximum without a default",
        SHOP,
        [limits({"max": {"cpu": 2}})],
        {"max": {"cpu": "2"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}, "min": {}},
    ),
    (
        "a default without a request",
        SHOP,
        [limits({"default": {"cpu": "1"}, "min": {"cpu": "100m"}})],
        {"default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}},
    ),
    ("a minimum alone", SHOP, [limits({"min": {"cpu": "100m"}})], {"default": {}, "defaultRequest": {"cpu": "100m"}}),
    ("a limit for Pods", SHOP, [limits({"type": "Pod", "max": {"cpu": "2"}})], {"max": {}, "default": {}}),
    (
        "two LimitRanges",
        SHOP,
        [limits({"max": {"cpu": "1"}}), limits({"max": {"cpu": "2", "memory": "1Gi"}}, name="m")],
        {"names": ["l", "m"], "max": {"cpu": "1", "memory": "1Gi"}},
    ),
    (
        "two quotas",
        SHOP,
        [quota(hard={"pods": 5}), quota("r", hard={"limits.cpu": "2"})],
        {"hard": {"pods": "5", "limits.cpu": "2"}, "scoped": []},
    ),
    (
        "a quota with scopes",
        SHOP,
        [quota(hard={"pods": "5"}, scopes=["Terminating"])],
        {"hard": {}, "scoped": ["q"], "names": ["q"]},
    ),
    (
        "a quota with a selector of scopes",
        SHOP,
        [quota(hard={"pods": "5"}, scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass"}]})],
        {"hard": {}, "scoped": ["q"]},
    ),
]


@pytest.mark.parametrize(("case", "of", "others", "expected"), CASES, ids=[case[0] for case in CASES])
def test_decision(case: str, of: Body, others: list[Body], expected: dict[str, Any]) -> None:
    found = fact_of("namespace", of, *others)
    part = "limits" if "max" in expected or "default" in expected else "quotas" if "hard" in expected else ""
    answer = found[part] if part else found
    assert {key: answer[key] for key in expected} == expected


def test_what_is_in_no_namespace() -> None:
    seen = world(thing("v1", "Node", "n"))
    assert Facts(seen).fact("namespace").of(seen.objects[0]) == "a Node is in no namespace"


def test_the_page_lists_these_cases() -> None:
    assert rows_of("namespace.md") == {case[0] for case in CASES} | {"what is in no namespace"}


@pytest.mark.parametrize(
    ("complete", "limits_unseen", "quotas_unseen"),
    [
        (True, False, False),
        (False, True, True),
        (("shop",), False, False),
        (("cart",), True, True),
        (("core/LimitRange",), False, True),
    ],
)
def test_what_was_not_seen_is_said(complete: bool | tuple[str, ...], limits_unseen: bool, quotas_unseen: bool) -> None:
    unseen = fact_of("namespace", SHOP, complete=complete)["unseen"]
    assert (bool(unseen["limits"]), bool(unseen["quotas"])) == (limits_unseen, quotas_unseen)


@given(BODIES, st.booleans())
def test_fields_of_any_type_break_nothing(bodies: list[Body], complete: bool) -> None:
    survives("namespace", bodies, complete=complete)
