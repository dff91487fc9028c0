"""Writes the tables of the package that are made from Kubernetes itself and from custom resource definitions.

Run by ``make tables``; CI fails if the result differs from what is committed. Where a machine lacks what a table is
made from (``../shared``, Go), the table stays as it is and a line says so.

- ``src/assay/kinds.json``: by group, the kinds that live in a namespace and those that do not, with their plurals.
- ``src/assay/engine/tables/paths.json``: the fields of each kind, as :class:`Shapes` describes it.
- ``src/assay/facts/tables/cluster_roles.json``: by minor, the ClusterRoles that every cluster starts with.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "src" / "assay"
SHARED = HERE.parents[2] / "shared"


class Kind(NamedTuple):
    """A kind that is served: its plural, where its objects live, and the schemas of its versions."""

    group: str
    name: str
    plural: str
    namespaced: bool
    schemas: tuple[Mapping[str, Any], ...]


def main() -> None:
    if SHARED.is_dir():
        (file,) = (SHARED / "openapi").glob("kubernetes-*.json")
        definitions = json.loads(file.read_bytes())["definitions"]
        kinds = sorted((*_built_in(definitions), *_custom()))
        (PACKAGE / "kinds.json").write_text(_text(_by_group(kinds), 1) + "\n", encoding="utf-8")
        _write(PACKAGE / "engine" / "tables" / "paths.json", Shapes(definitions).table(kinds))
    else:
        sys.stderr.write(f"{SHARED} does not exist: the tables of kinds and of paths stay as they are\n")
    if shutil.which("go"):
        _write(PACKAGE / "facts" / "tables" / "cluster_roles.json", {_minor(): _cluster_roles()})
    else:
        sys.stderr.write("Go is not installed: the table of ClusterRoles stays as it is\n")


def _write(file: Path, table: Mapping[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(_text(table, 2) + "\n", encoding="utf-8")


def _text(value: Any, levels: int) -> str:
    """JSON with what stands in the outermost levels on lines of its own, so that a difference can be read."""
    if not levels:
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return "[\n" + ",\n".join(_text(entry, levels - 1) for entry in value) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_text(entry, levels - 1)}" for key, entry in value.items()) + "\n}"


def _built_in(definitions: Mapping[str, Any]) -> Iterator[Kind]:
    """The kinds of the API server, from its discovery and its OpenAPI."""
    schemas: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for schema in definitions.values():
        for named in schema.get("x-kubernetes-group-version-kind", ()):
            schemas.setdefault((named["group"], named["kind"]), []).append(schema)
    (file,) = (SHARED / "openapi").glob("resources-*.csv")
    with file.open(encoding="utf-8") as lines:
        served = {(row["group"], row["kind"]): row for row in csv.DictReader(lines)}
    for (group, kind), row in served.items():
        yield Kind(group or "core", kind, row["resource"], row["scope"] == "namespaced", tuple(schemas[group, kind]))


def _custom() -> Iterator[Kind]:
    for file in sorted((SHARED / "crds").glob("*.yaml")):
        spec = yaml.load(file.read_bytes(), yaml.CSafeLoader)["spec"]
        schemas = tuple(version["schema"]["openAPIV3Schema"] for version in spec["versions"])
        names = spec["names"]
        yield Kind(spec["group"], names["kind"], names["plural"], spec["scope"] == "Namespaced", schemas)


def _by_group(kinds: list[Kind]) -> dict[str, dict[str, dict[str, str]]]:
    groups: dict[str, dict[str, dict[str, str]]] = {}
    for kind in kinds:
        scopes = groups.setdefault(kind.group, {"cluster": {}, "namespaced": {}})
        scopes["namespaced" if kind.namespaced else "cluster"][kind.name] = kind.plural
    return groups


class Shapes:
    """What fields objects have, the versions of a kind taken together.

    ``types`` are the shapes, each once: ``{field: type}``, ``{"*": type}`` for a map with any keys, ``[type]`` for a
    list. A type is the number of a shape, the name of a scalar, or ``*`` for what may hold anything; so may what
    contains itself (the schemas in a CustomResourceDefinition). ``kinds`` says which type a ``group/Kind`` has.

    Args:
        definitions: Those of the API server's OpenAPI, by name.
    """

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._open: list[str] = []
        self._known: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}
        self._types: list[Any] = []
        self._metadata = {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}

    def table(self, kinds: list[Kind]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in kinds:
            shape: Any = None
            for schema in kind.schemas:
                text = {"type": "string"}
                own = {"apiVersion": text, "kind": text, **schema["properties"], "metadata": self._metadata}
                version = self._shape({**schema, "properties": own})
                shape = version if shape is None else _both(shape, version)
            found[f"{kind.group}/{kind.name}"] = self._type(shape)
        return {"kinds": found, "types": self._types}

    def _shape(self, schema: Mapping[str, Any]) -> Any:
        """A schema as nested shapes."""
        if "$ref" in schema:
            return self._referred(schema["$ref"].rpartition("/")[2])
        if "int-or-string" in (schema.get("format"), *(key[13:] for key in schema if key[:13] == "x-kubernetes-")):
            return "int-or-string"
        if schema.get("type") == "array":
            return [self._shape(schema["items"])]
        if schema.get("type") != "object":
            return schema.get("type", "*")
        fields = {name: self._shape(field) for name, field in schema.get("properties", {}).items()}
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            fields["*"] = self._shape(others)
        elif others or not fields or any(schema.get(f"x-kubernetes-{mark}") for mark in _OPEN):
            fields["*"] = "*"
        return "*" if fields == {"*": "*"} else fields

    def _referred(self, name: str) -> Any:
        if name in self._open:
            return "*"
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self._shape(self._definitions[name])
            self._open.pop()
        return self._known[name]

    def _type(self, shape: Any) -> Any:
        """A shape with numbers for what it holds."""
        if isinstance(shape, str):
            return shape
        numbered: Any = (
            [self._type(shape[0])]
            if isinstance(shape, list)
            else {name: self._type(field) for name, field in sorted(shape.items())}
        )
        key = json.dumps(numbered)
        if key not in self._numbers:
            self._numbers[key] = len(self._types)
            self._types.append(numbered)
        return self._numbers[key]


_OPEN = ("preserve-unknown-fields", "embedded-resource")


def _both(one: Any, other: Any) -> Any:
    """What objects of either version may have."""
    if one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {name: _both(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **shared}
    if isinstance(one, list) and isinstance(other, list):
        return [_both(one[0], other[0])]
    return "*"


def _minor() -> str:
    """The minor of the API server that is the judge, such as ``v1.37``."""
    found = re.search(r"k8s\.io/kubernetes (v\d+\.\d+)\.", (HERE / "apiserver" / "go.mod").read_text(encoding="utf-8"))
    assert found
    return found[1]


def _cluster_roles() -> list[dict[str, Any]]:
    """The built-in ClusterRoles; those that are aggregated have the rules that the controller would give them.

    Kubernetes documentation, "Using RBAC Authorization", section "Aggregated ClusterRoles".
    """
    # The program stands beside the module of the API server and is built in it, so that the versions stand once.
    program = HERE / "clusterroles" / "main.go"
    found = subprocess.run(
        ["go", "run", "-trimpath", program], cwd=HERE / "apiserver", check=True, stdout=subprocess.PIPE
    ).stdout
    roles = []
    for role in sorted(json.loads(found), key=lambda role: str(role["metadata"]["name"])):
        kept = {"name": role["metadata"]["name"], "labels": role["metadata"]["labels"], "rules": role["rules"] or []}
        roles.append({**kept, **{key: role[key] for key in ("aggregationRule",) if key in role}})
    while any([_aggregate(role, roles) for role in roles if "aggregationRule" in role]):  # noqa: C419 - all of them
        pass
    return roles


def _aggregate(role: dict[str, Any], roles: list[dict[str, Any]]) -> bool:
    """Give a role the rules of those that its selectors choose; whether that changed it."""
    rules: list[Any] = []
    for selector in role["aggregationRule"]["clusterRoleSelectors"]:
        for other in roles:
            if other is not role and selector["matchLabels"].items() <= other["labels"].items():
                rules += [rule for rule in other["rules"] if rule not in rules]
    changed: bool = rules != role["rules"]
    role["rules"] = rules
    return changed


if __name__ == "__main__":
    main()
