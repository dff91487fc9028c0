"""The server that other tests ask: shared while somebody uses it, gone afterwards, and strict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.judges.server import USERS, Programs, Server, running

POD: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def test_one_server_serves_all_and_ends_with_the_last(api_programs: Programs, tmp_path: Path) -> None:
    with running(api_programs, tmp_path / "none", tmp_path) as first:
        with running(api_programs, tmp_path / "none", tmp_path) as second:
            assert second.url == first.url
        assert first.get("/readyz").status == 200
        late = Server({"url": first.url, "ca": str(first.ca), "tokens": first.tokens})
    with pytest.raises(urllib3.exceptions.HTTPError):
        late.get("/readyz")
    late.close()


def test_it_is_the_release_that_everything_else_is_made_from(api_server: Server) -> None:
    version = api_server.get("/version").body
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "37", "v1.37.2")


def test_anybody_asks_under_a_name_or_with_a_token(api_server: Server) -> None:
    assert api_server.get("/api/v1/nodes").ok
    said = api_server.get("/api/v1/nodes", user="jane", groups=["auditors"])
    assert (said.status, 'User "jane" cannot list resource "nodes"' in said.message) == (403, True)
    for user in USERS:
        headers = {"Authorization": f"Bearer {api_server.tokens[user]}"}
        with urllib3.PoolManager(ca_certs=str(api_server.ca)) as pool:
            answer = pool.request("GET", f"{api_server.url}/api/v1/nodes", headers=headers)
        assert answer.status == 403
        assert f'User \\"{user}\\" cannot list' in answer.data.decode()


@pytest.mark.parametrize(
    ("spec", "status", "message"),
    [
        ({"containers": [{"name": "a", "image": "a"}]}, 201, ""),
        ({"containers": [{"name": "a", "image": "a", "ports": [{"port": 80}]}]}, 400, 'unknown field "spec.containers'),
        ({"containers": []}, 422, "spec.containers: Required value"),
    ],
)
def test_a_dry_run_is_strict_and_leaves_nothing(
    api_server: Server, spec: dict[str, Any], status: int, message: str
) -> None:
    space = api_server.namespace()
    said = api_server.dry_run({**POD, "spec": spec}, space)
    assert said.status == status, said.message
    assert message in said.message
    assert api_server.get(f"/api/v1/namespaces/{space}/pods").body["items"] == []


def test_what_exists_is_replaced(api_server: Server) -> None:
    space = api_server.namespace()
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}}
    assert api_server.create(made, space).ok
    assert api_server.create({**made, "data": {"a": "2"}}, space).ok
    assert api_server.get(api_server.path_of(made, space)).body["data"] == {"a": "2"}
    assert api_server.delete(api_server.path_of(made, space)).ok
    assert api_server.get(api_server.path_of(made, space)).status == 404
