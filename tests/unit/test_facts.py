"""What holds for every fact: when a verdict stands, and what selects what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.judge import Judge
from assay.engine.validate import schema, validate_policy
from assay.errors import PolicyError
from assay.facts import FACTS, Facts
from assay.facts.index import Index, selects
from assay.facts.interface import Fact, Table
from assay.kube import build_object
from assay.model.objects import KubeObject, Unread, World
from assay.model.rules import At, Binding, Rule
from assay.model.verdicts import Verdict
from assay.redact import Masker
from assay.shipped import shipped
from tests.unit.test_verdicts import RULE, Nowhere, config_map

POLICY, ROLE = "networking.k8s.io/NetworkPolicy", "rbac.authorization.k8s.io/ClusterRole"


class Colour(Fact):
    """What a ConfigMap says in ``data.colour``."""

    turns_pass = (POLICY, ROLE)
    turns_fail = (POLICY,)

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        colour = (obj.body.get("data") or {}).get("colour")
        return {"colour": colour, "unknown": "it is dark" if colour == "grey" else ""} if colour else "it has none"

    def table(self) -> Table:
        return Table((), ())


RULE_ON_COLOUR = RULE._replace(needs=("colour",), check="facts.colour.colour != 'red'", unknown="facts.colour.unknown")


@pytest.fixture(autouse=True)
def with_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FACTS, "colour", (__name__, "Colour"))


def verdict(rule: Rule, colour: str, complete: bool | tuple[str, ...] = True, *unread: Unread) -> tuple[Verdict, str]:
    objects = (build_object(config_map({"colour": colour}), Nowhere(), "s", "", Masker()),)
    world = World("w", "environment", "2026-01-01T00:00:00Z", complete, objects, unread)
    judged = Judge([Binding(rule, {})], lambda _o, _p: True, everything=True).judge(world, Facts(world))
    finding = next(finding for finding in judged.findings if finding.identity)
    return finding.verdict, finding.reason


@pytest.mark.parametrize(
    ("what", "rule", "colour", "expected"),
    [
        ("known and right", RULE_ON_COLOUR, "blue", (Verdict.PASS, "")),
        ("known and wrong", RULE_ON_COLOUR, "red", (Verdict.FAIL, "")),
        ("not known for the object", RULE_ON_COLOUR, "", (Verdict.NOT_ASSESSED, "it has none")),
        ("a pass in doubt", RULE_ON_COLOUR, "grey", (Verdict.NOT_ASSESSED, "it is dark")),
        (
            "a failure in doubt is one",
            RULE_ON_COLOUR._replace(check="facts.colour.colour == 'red'"),
            "grey",
            (Verdict.FAIL, ""),
        ),
        (
            "`unknown` gives no text",
            RULE_ON_COLOUR._replace(unknown="1"),
            "blue",
            (Verdict.ERROR, "`unknown` gave a number instead of a text"),
        ),
        (
            "what decides before needs no fact",
            RULE_ON_COLOUR._replace(check="true || facts.colour.colour == 'red'", unknown=""),
            "",
            (Verdict.PASS, ""),
        ),
        (
            "nor a condition of `at`",
            RULE_ON_COLOUR._replace(at=(At("data.a", "facts.colour.colour == 'red'"), At("data"))),
            "",
            (Verdict.NOT_ASSESSED, "it has none"),
        ),
        ("what does not apply needs no fact", RULE_ON_COLOUR._replace(when="false"), "", (Verdict.NOT_APPLICABLE, "")),
        (
            "`when` may need it",
            RULE_ON_COLOUR._replace(when="facts.colour.colour == 'red'"),
            "",
            (Verdict.NOT_ASSESSED, "it has none"),
        ),
    ],
)
def test_what_is_not_known_never_passes(what: str, rule: Rule, colour: str, expected: tuple[Verdict, str]) -> None:
    assert verdict(rule, colour) == expected, what


@pytest.mark.parametrize(
    ("complete", "passes", "fails"),
    [
        (True, Verdict.PASS, Verdict.FAIL),
        (False, Verdict.NOT_ASSESSED, Verdict.NOT_ASSESSED),
        ((POLICY,), Verdict.NOT_ASSESSED, Verdict.FAIL),
        ((POLICY, ROLE), Verdict.PASS, Verdict.FAIL),
        (("n",), Verdict.NOT_ASSESSED, Verdict.FAIL),  # a ClusterRole is in no namespace
        (("n", ROLE), Verdict.PASS, Verdict.FAIL),
        (("other", ROLE), Verdict.NOT_ASSESSED, Verdict.NOT_ASSESSED),
    ],
)
def test_what_is_complete_settles_it(complete: bool | tuple[str, ...], passes: Verdict, fails: Verdict) -> None:
    assert verdict(RULE_ON_COLOUR, "blue", complete)[0] is passes
    assert verdict(RULE_ON_COLOUR, "red", complete)[0] is fails


def test_what_was_not_read_may_hold_what_turns_it() -> None:
    assert verdict(RULE_ON_COLOUR, "red", True, Unread("f.yaml", "broken"))[0] is Verdict.NOT_ASSESSED
    assert verdict(RULE_ON_COLOUR, "red", True, Unread("f", "no", kinds=frozenset({ROLE})))[0] is Verdict.FAIL


def test_from_other_namespaces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Colour, "anywhere", frozenset({POLICY}))
    assert verdict(RULE_ON_COLOUR, "red", ("n",))[0] is Verdict.NOT_ASSESSED
    assert verdict(RULE_ON_COLOUR, "red", (POLICY,))[0] is Verdict.FAIL


def test_a_namespace_that_is_complete_is_so_for_rules_about_itself() -> None:
    rule = RULE_ON_COLOUR._replace(kinds=("core/Namespace",), check="facts.colour.colour != 'blue'", unknown="")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}, "data": {"colour": "blue"}}
    objects = (build_object(body, Nowhere(), "s", "", Masker()),)
    for complete, expected in ((("n",), Verdict.FAIL), (("m",), Verdict.NOT_ASSESSED)):
        world = World("w", "environment", "2026-01-01T00:00:00Z", complete, objects)
        [finding] = Judge([Binding(rule, {})], lambda _o, _p: True).judge(world, Facts(world)).findings
        assert finding.verdict is expected


def test_a_rule_may_know_better_what_turns_it() -> None:
    rule = RULE_ON_COLOUR._replace(turns={"fail": ()})
    assert verdict(rule, "red", False)[0] is Verdict.FAIL
    assert verdict(rule, "blue", False)[0] is Verdict.NOT_ASSESSED


def test_a_message_about_a_fact_that_is_not_known_is_the_title() -> None:
    rule = RULE_ON_COLOUR._replace(check="false", message="it is {facts.colour.colour}")
    objects = (build_object(config_map({}), Nowhere(), "s", "", Masker()),)
    world = World("w", "environment", "2026-01-01T00:00:00Z", True, objects)
    [finding] = Judge([Binding(rule, {})], lambda _o, _p: True).judge(world, Facts(world)).findings
    assert (finding.verdict, finding.message) == (Verdict.FAIL, rule.title)


def test_a_rule_names_the_facts_that_it_reads(tmp_path: Path) -> None:
    shipped_rule = next((shipped("policies") / "rules").rglob("pod-selected-by-network-policy.yaml"))
    own = tmp_path / shipped_rule.name
    own.write_text(shipped_rule.read_text().replace("needs: [isolation]", "needs: [alerts]"))
    with pytest.raises(PolicyError, match=r"reads facts\.isolation, which `needs` does not name"):
        validate_policy(own)


def test_the_schema_knows_every_fact() -> None:
    assert set(schema("rule")["properties"]["needs"]["items"]["enum"]) == FACTS.keys() - {"colour"}


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
EXPRESSIONS = st.fixed_dictionaries(
    {"key": st.sampled_from("abc"), "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])},
    optional={"values": st.lists(st.sampled_from("xyz"), max_size=2)},
)


@given(LABELS, LABELS, st.lists(EXPRESSIONS, max_size=2))
def test_selectors(labels: dict[str, str], exact: dict[str, str], expressions: list[dict[str, Any]]) -> None:
    """Labels and selectors, "Resources that support set-based requirements"."""

    def holds(entry: dict[str, Any]) -> bool:
        value, values = labels.get(entry["key"]), entry.get("values", [])
        return {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[entry["operator"]]

    expected = exact.items() <= labels.items() and all(map(holds, expressions))
    assert selects({"matchLabels": exact, "matchExpressions": expressions}, labels) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, JSON)
def test_selectors_of_any_shape_break_nothing(expressions: Any, exact: Any) -> None:
    assert selects({"matchLabels": exact, "matchExpressions": expressions}, {"a": "x"}) in (True, False)


def test_twins_are_both_found() -> None:
    bodies = (
        config_map({"a": "1"}),
        config_map({"a": "2"}),
        json.loads(json.dumps(config_map()).replace('"n"', '"m"')),
    )
    objects = tuple(build_object(body, Nowhere(), "s", "", Masker()) for body in bodies)
    index = Index(World("w", "environment", "", objects=objects))
    assert index.find("core/ConfigMap", "n", "c") == [objects[0], objects[1]]
    assert index.find("core/ConfigMap", "x", "c") == []
    assert index.in_namespace("core/ConfigMap", "m") == [objects[2]]
    assert index.namespaces == {"n": None, "m": None}
