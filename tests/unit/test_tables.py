"""The tables that `make tables` writes, against what Kubernetes documents."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from assay.engine.shapes import shapes
from assay.kinds import NAMESPACED, PLURALS
from assay.model.rules import NEWEST_MINOR


@pytest.fixture(scope="module")
def roles() -> dict[str, dict[str, Any]]:
    text = files("assay").joinpath("facts", "tables", "cluster_roles.json").read_text(encoding="utf-8")
    return {role["name"]: role for role in json.loads(text)[f"v1.{NEWEST_MINOR}"]}


def test_the_roles_that_the_documentation_of_rbac_names_are_there(roles: dict[str, dict[str, Any]]) -> None:
    assert {"cluster-admin", "admin", "edit", "view", "system:basic-user", "system:node", "system:discovery"} <= set(
        roles
    )
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in roles["cluster-admin"]["rules"]
    assert all(role["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults" for role in roles.values())


def test_aggregated_roles_hold_what_they_aggregate(roles: dict[str, dict[str, Any]]) -> None:
    def granted(name: str) -> set[tuple[str, str, str]]:
        return {
            (group, resource, verb)
            for rule in roles[name]["rules"]
            for group in rule.get("apiGroups", ())
            for resource in rule.get("resources", ())
            for verb in rule["verbs"]
        }

    assert granted("view") < granted("edit") < granted("admin")
    assert ("", "secrets", "get") in granted("edit") - granted("view")
    assert ("rbac.authorization.k8s.io", "rolebindings", "create") in granted("admin") - granted("edit")


def test_kinds_have_a_scope_and_a_plural() -> None:
    assert (NAMESPACED["core/Pod"], NAMESPACED["core/Node"]) == (True, False)
    assert (PLURALS["networking.k8s.io/Ingress"], PLURALS["velero.io/Schedule"]) == ("ingresses", "schedules")


def test_every_kind_with_a_scope_has_a_shape() -> None:
    known = shapes()
    assert [kind for kind in NAMESPACED if kind not in known] == []
    assert [kind for kind in NAMESPACED if not {"apiVersion", "metadata"} <= set(known.fields(known.kind(kind)))] == []
