"""``facts.logs``, one case for each row of its decision table (docs/facts/logs.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from assay.facts import Facts
from assay.model.objects import World
from tests.facts.test_alerts import built
from tests.unit.test_facts import JSON

TAINT = "node-role.kubernetes.io/control-plane"


def readers(spec: Any, kind: str = "DaemonSet") -> list[dict[str, Any]]:
    metadata = {"name": "ship", "namespace": "logs"}
    obj = built({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}})
    found = Facts(World("w", "environment", "", True, (obj,))).fact("logs").of(obj)
    assert isinstance(found, dict)
    entries: list[dict[str, Any]] = found["readers"]
    return entries


def spec(*mounted: str, **more: Any) -> dict[str, Any]:
    volumes = [{"name": name, "hostPath": {"path": f"/var/{name}/"}} for name in ("log", "lib")]
    return {"containers": [{"volumeMounts": [{"name": name} for name in mounted]}], "volumes": volumes, **more}


def test_what_is_mounted_is_read() -> None:
    assert readers(spec("log")) == [{"name": "logs/ship", "paths": ["/var/log"], "controlPlane": False}]
    assert readers(spec()) == []
    assert readers(spec("log"), "Deployment") == []


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "key": TAINT}, True),
        ({"operator": "Exists", "key": TAINT, "effect": "NoSchedule"}, True),
        ({"key": TAINT}, True),
        ({"key": TAINT, "operator": "Equal", "value": ""}, True),
        ({"key": TAINT, "operator": "Equal", "value": "x"}, False),
        ({"operator": "Exists", "key": TAINT, "effect": "NoExecute"}, False),
        ({"operator": "Exists", "key": "other"}, False),
        ({"key": ""}, False),
    ],
)
def test_who_runs_on_the_control_plane(toleration: dict[str, Any], expected: bool) -> None:
    [reader] = readers(spec("log", tolerations=[toleration]))
    assert reader["controlPlane"] is expected
    [chosen] = readers(spec("log", tolerations=[toleration], nodeSelector={"a": "b"}))
    assert chosen["controlPlane"] is (None if expected else False)


@given(JSON, JSON)
def test_specs_of_any_shape_break_nothing(first: Any, second: Any) -> None:
    readers(first)
    readers({"containers": first, "volumes": second, "tolerations": [first], "nodeSelector": second})
