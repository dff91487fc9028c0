"""The examples of all rules as objects to hand to the API server, and what these objects take for granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import yaml

from assay.shipped import shipped
from tests.judges.server import Answer, Server

NAMESPACE = "example"
"""Where objects belong that do not say, as for ``assay rules test``."""


class Example(NamedTuple):
    """One example of a rule: the objects of its world, the judged one first."""

    rule: str
    verdict: str
    name: str
    objects: tuple[dict[str, Any], ...]
    params: dict[str, Any]
    complete: bool

    def __str__(self) -> str:
        return f"{self.rule} [{self.verdict}] {self.name}"


@cache
def examples() -> tuple[Example, ...]:
    """Every example of every shipped rule that is about a pass or a failure."""
    return tuple(_read())


def _read() -> Iterator[Example]:
    for file in sorted((shipped("policies") / "rules").rglob("*.yaml")):
        data = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for verdict in ("pass", "fail"):
            for entry in data["examples"][verdict]:
                objects = (entry["object"], *entry.get("with", ()))
                params, complete = entry.get("params") or {}, entry.get("complete", True)
                yield Example(data["id"], verdict, entry["name"], objects, params, complete)


def gvk(obj: dict[str, Any]) -> tuple[str, str]:
    """What an object says it is: ``apiVersion`` and kind."""
    return obj["apiVersion"], obj["kind"]


def prepare(server: Server, objects: Iterable[dict[str, Any]], namespace: str = NAMESPACE) -> None:
    """Create what admission wants to exist: the namespaces of objects, and what Pods name.

    Args:
        namespace: Where objects belong that do not say.
    """
    wanted: dict[str, dict[str, Any]] = {}

    def want(version: str, kind: str, name: Any, space: str | None = None, **more: Any) -> None:
        if isinstance(name, str) and name:
            metadata = {"name": name, **({"namespace": space} if space else {})}
            body = {"apiVersion": version, "kind": kind, "metadata": metadata, **more}
            wanted[server.path_of(body)] = body

    for obj in objects:
        space = (obj.get("metadata") or {}).get("namespace") or namespace
        want("v1", "Namespace", space)
        want("v1", "ServiceAccount", "default", space)
        if gvk(obj) == ("v1", "Pod"):
            spec = obj["spec"]
            want("v1", "ServiceAccount", spec.get("serviceAccountName") or spec.get("serviceAccount"), space)
            want("node.k8s.io/v1", "RuntimeClass", spec.get("runtimeClassName"), handler="own")
            want("scheduling.k8s.io/v1", "PriorityClass", spec.get("priorityClassName"), value=1)
    for path, body in wanted.items():
        if not server.get(path).ok:
            made = server.create(body)
            assert made.ok, made.message


def submit(server: Server, obj: dict[str, Any], namespace: str, query: str = "") -> Answer:
    """Create an object; the ephemeral containers of a Pod, which only a subresource takes, once the Pod is there.

    Such a Pod is created without them, for real and under a name of its own. If it is refused, that is the answer.

    Args:
        namespace: Where it belongs if it does not say.
        query: Parameters of the request, such as :data:`DRY_RUN`.
    """
    if gvk(obj) != ("v1", "Pod") or not obj["spec"].get("ephemeralContainers"):
        return server.create(obj, namespace, query=query)
    bare = {key: part for key, part in obj["spec"].items() if key != "ephemeralContainers"}
    metadata = {**obj["metadata"], "name": server.unique("attached")}
    made = server.create({**obj, "metadata": metadata, "spec": bare}, namespace)
    if not made.ok:
        return made
    made.body["spec"]["ephemeralContainers"] = obj["spec"]["ephemeralContainers"]
    return server.put(f"{server.path_of(made.body)}/ephemeralcontainers?{query}", made.body)
