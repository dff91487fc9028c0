"""The verdict table: what happens, and the verdict that it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.examples import CLOCK, judge_one
from assay.engine.judge import Judge, matches, split_message
from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import KubeObject, Unread, World
from assay.model.origin import Place, Role, Route
from assay.model.rules import At, Binding, Each, Rule
from assay.model.verdicts import Finding, Severity, Verdict, worst
from assay.redact import Masker

RULE = Rule(
    id="r",
    title="A rule",
    severity=Severity.HIGH,
    domain="d",
    kinds=("core/ConfigMap",),
    each=None,
    when="",
    check="true",
    message="wrong: {object.metadata.name}",
    at=(At("data.a"),),
    evidence=(),
    params=(),
    needs=(),
    why="",
    fix="",
    references=(),
    ties=(),
    aliases=(),
    scope="object",
    about="",
    version=1,
    file=Path("r.yaml"),
)
DATA = Each(("data.items",), "item")


class Nowhere:
    def places(self, route: Route) -> tuple[Place, ...]:
        return (Place("f.yaml", len(route) + 1, sum(map(ord, str(route))), 1, 1, Role.TEMPLATE),)


def config_map(data: Any = None) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": data}


def judge(
    rule: Rule, *bodies: dict[str, Any], unread: tuple[Unread, ...] = (), everything: bool = False
) -> list[Finding]:
    masker = Masker()
    objects: tuple[KubeObject, ...] = tuple(build_object(body, Nowhere(), "s", "", masker) for body in bodies)
    world = World("w", "environment", CLOCK, objects=objects, unread=unread)
    binding = Binding(rule, {}, (("p", "1"),))
    return Judge([binding], lambda _o, _p: True, everything=everything).judge(world, Facts(world)).findings


@pytest.mark.parametrize(
    ("what", "rule", "data", "verdict"),
    [
        ("match does not match", RULE._replace(kinds=("core/Secret",)), {}, Verdict.NOT_APPLICABLE),
        ("when is false", RULE._replace(when="false"), {}, Verdict.NOT_APPLICABLE),
        ("each finds nothing: missing", RULE._replace(each=DATA), {}, Verdict.NOT_APPLICABLE),
        ("each finds nothing: null", RULE._replace(each=DATA), {"items": None}, Verdict.NOT_APPLICABLE),
        ("each finds nothing: empty", RULE._replace(each=DATA), {"items": []}, Verdict.NOT_APPLICABLE),
        ("assert is true", RULE, {}, Verdict.PASS),
        ("assert is false", RULE._replace(check="false"), {}, Verdict.FAIL),
        ("when gives an error", RULE._replace(when="object.nothing.there"), {}, Verdict.ERROR),
        ("when gives a text", RULE._replace(when="'true'"), {}, Verdict.ERROR),
        ("when gives null", RULE._replace(when="null"), {}, Verdict.ERROR),
        ("assert gives an error", RULE._replace(check="object.nothing.there == 1"), {}, Verdict.ERROR),
        ("assert gives a text", RULE._replace(check="'yes'"), {}, Verdict.ERROR),
        ("assert gives a number", RULE._replace(check="1"), {}, Verdict.ERROR),
        ("assert gives an empty optional", RULE._replace(check="object.?nothing"), {}, Verdict.ERROR),
        ("assert is no CEL", RULE._replace(check="((("), {}, Verdict.ERROR),
        ("assert names something unknown", RULE._replace(check="nobody == 1"), {}, Verdict.ERROR),
        ("each finds a text", RULE._replace(each=DATA), {"items": "x"}, Verdict.ERROR),
        ("each finds a number", RULE._replace(each=DATA), {"items": 3}, Verdict.ERROR),
        ("false and an error is false", RULE._replace(check="false && object.x.y"), {}, Verdict.FAIL),
        ("true or an error is true", RULE._replace(check="true || object.x.y"), {}, Verdict.PASS),
    ],
)
def test_verdict_table(what: str, rule: Rule, data: Any, verdict: Verdict) -> None:
    assert judge_one(rule, config_map(data))[0] is verdict, what


def test_broken_message_keeps_the_verdict_and_falls_back_to_the_title() -> None:
    (finding,) = judge(RULE._replace(check="false", message="{object.no.such}"), config_map({}))
    assert (finding.verdict, finding.message) == (Verdict.FAIL, "A rule")


def test_message_shows_values() -> None:
    (finding,) = judge(
        RULE._replace(check="false", message="{object.metadata.name} has {{'a': 1}.a}, {[1, 2]}"), config_map({})
    )
    assert finding.message == "c has 1, 1, 2"


def test_every_item_has_its_own_verdict_and_route() -> None:
    rule = RULE._replace(each=DATA, check="item.ok", at=(At("ok"),))
    data = {"items": [{"name": "a", "ok": False}, {"name": "b", "ok": True}, {"name": "c"}]}
    found = judge(rule, config_map(data), everything=True)
    assert [(f.item, f.verdict) for f in found] == [("a", Verdict.FAIL), ("b", Verdict.PASS), ("c", Verdict.ERROR)]
    assert found[0].route == ("data", "items", 0, "ok")
    assert judge_one(rule, config_map(data))[0] is Verdict.ERROR


def test_containers_of_a_wrong_type_are_errors() -> None:
    rule = RULE._replace(kinds=("workloads",), each=Each(("containers",), "container"))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": "app"}}
    assert judge_one(rule, pod)[0] is Verdict.ERROR
    pod["spec"] = {"containers": ["app"]}
    assert judge_one(rule, pod)[0] is Verdict.ERROR


@pytest.mark.parametrize(
    ("kinds", "assessed"),
    [
        (frozenset(), True),
        (frozenset({"core/ConfigMap"}), True),
        (frozenset({"core/Secret"}), False),
    ],
)
def test_what_was_not_seen_has_verdicts_too(kinds: frozenset[str], assessed: bool) -> None:
    found = judge(RULE, unread=(Unread("x.yaml", "no permission", kinds=kinds),))
    assert [(f.verdict, f.reason, f.identity) for f in found] == (
        [(Verdict.NOT_ASSESSED, "no permission", None)] if assessed else []
    )


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_worst_is_the_first_of_the_precedence(verdicts: list[Verdict]) -> None:
    order = ["error", "fail", "not assessed", "waived", "pass", "not applicable"]
    assert str(worst(verdicts)) == min(map(str, verdicts), key=order.index)


def test_no_items_are_not_applicable() -> None:
    assert worst([]) is Verdict.NOT_APPLICABLE


def test_a_failure_without_a_place_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nowhere, "places", lambda _self, _route: ())
    with pytest.raises(ValueError, match="without a place"):
        judge(RULE._replace(check="false"), config_map({"a": "1"}))


@pytest.mark.parametrize(
    ("at", "route", "roles"),
    [
        (("data.a", "data.b"), ("data", "a"), [Role.TEMPLATE, Role.TEMPLATE]),
        (("data.none", "data.b"), ("data", "b"), [Role.TEMPLATE]),
        (("data.none",), ("data", "none"), [Role.MISSING]),
        (("object.metadata.name",), ("metadata", "name"), [Role.TEMPLATE]),
    ],
)
def test_place_to_blame(at: tuple[str, ...], route: Route, roles: list[Role]) -> None:
    (finding,) = judge(RULE._replace(check="false", at=tuple(map(At, at))), config_map({"a": "1", "b": "2"}))
    assert finding.route == route
    assert [place.role for place in finding.places] == roles


def test_a_place_with_a_condition_is_blamed_only_where_it_holds() -> None:
    at = (At("data.a", "object.data.a != '1'"), At("data.b", "object.data.b != '1'"))
    rule = RULE._replace(check="object.data.a == '1' && object.data.b == '1'", at=at)
    assert [f.route for f in judge(rule, config_map({"a": "1", "b": "2"}))] == [("data", "b")]
    assert [f.route for f in judge(rule, config_map({"a": "2", "b": "1"}))] == [("data", "a")]


def test_missing_place_says_what_to_add() -> None:
    (finding,) = judge(RULE._replace(check="false", at=(At("data.x.y"),)), config_map({"a": "1"}))
    assert finding.places[0].note == "add x.y here"


def test_fingerprint_survives_moved_items_and_not_renamed_ones() -> None:
    rule = RULE._replace(each=DATA, check="item.ok", at=(At("ok"),))

    def prints(items: list[dict[str, Any]]) -> set[str]:
        return {f.fingerprint for f in judge(rule, config_map({"items": items}))}

    a, b = {"name": "a", "ok": False}, {"name": "b", "ok": False}
    assert prints([a, b]) == prints([b, a])
    assert prints([a]) != prints([{**a, "name": "z"}])
    assert prints([{"ok": False, "v": 1}]) != prints([{"ok": False, "v": 2}])


@pytest.mark.parametrize(
    ("kinds", "kind", "expected"),
    [
        (("workloads",), "apps/Deployment", True),
        (("workloads",), "batch/CronJob", True),
        (("workloads",), "core/Service", False),
        (("*",), "x.io/Y", True),
        (("apps/*",), "apps/Deployment", True),
        (("apps/*",), "core/Pod", False),
        (("core/Pod",), "core/Pod", True),
    ],
)
def test_match_kinds(kinds: tuple[str, ...], kind: str, expected: bool) -> None:
    assert matches(RULE._replace(kinds=kinds), kind) is expected


@given(st.text())
def test_any_message_is_split_without_loss(text: str) -> None:
    rebuilt = "".join(plain + (f"{{{code}}}" if code else "") for plain, code in split_message(text))
    assert rebuilt == text
