"""The tables that `make tables` writes are what a running API server says."""

from __future__ import annotations

import json
from importlib.resources import files

from assay.kinds import NAMESPACED, PLURALS
from assay.model.rules import NEWEST_MINOR
from tests.judges.server import Server

PATH = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


def test_the_cluster_roles_are_those_of_the_server(api_server: Server) -> None:
    """Names, labels, rules; those of aggregated ones are written by a controller, which does not run there."""
    text = files("assay").joinpath("facts", "tables", "cluster_roles.json").read_text(encoding="utf-8")
    table = {role["name"]: role for role in json.loads(text)[f"v1.{NEWEST_MINOR}"]}
    listed = api_server.get(f"{PATH}?labelSelector=kubernetes.io/bootstrapping%3Drbac-defaults").body["items"]
    assert {role["metadata"]["name"] for role in listed} == set(table)
    for role in listed:
        own = table[role["metadata"]["name"]]
        assert role["metadata"]["labels"] == own["labels"]
        assert role.get("aggregationRule") == own.get("aggregationRule")
        assert "aggregationRule" in role or (role["rules"] or []) == own["rules"]


def test_scopes_and_plurals_are_those_of_the_server(api_server: Server) -> None:
    served = {
        f"{version.rpartition('/')[0] or 'core'}/{kind}": found for (version, kind), found in api_server.served.items()
    }
    assert {kind: (PLURALS[kind], NAMESPACED[kind]) for kind in served if kind in NAMESPACED} == {
        kind: found for kind, found in served.items() if kind in NAMESPACED
    }
    assert len(served.keys() & NAMESPACED.keys()) >= 150
