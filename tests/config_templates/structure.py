"""Whether an object has the fields and types that its schema knows: strict, as no API server is at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

# The API server reads the audit policy from a file; no schema of it is published.
NOT_IN_THE_API = {("audit.k8s.io/v1", "Policy")}

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
_REF = "#/definitions/"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


class Schemas:
    """The schemas of built-in kinds and of custom resources in the folder beside the checkout."""

    def __init__(self, shared: Path) -> None:
        self._shared = shared
        text = (shared / "openapi" / "kubernetes-1.37.2.json").read_text(encoding="utf-8")
        self._definitions: dict[str, Any] = json.loads(text)["definitions"]
        self._built_in = {
            ("/".join(filter(None, (gvk["group"], gvk["version"]))), gvk["kind"]): definition
            for definition in self._definitions.values()
            for gvk in definition.get("x-kubernetes-group-version-kind", [])
        }
        self._custom = cache(self._read_custom)

    def problems(self, obj: dict[str, Any]) -> list[str]:
        """What is wrong with an object, each with its route; a kind without a schema is wrong too."""
        version, kind = obj["apiVersion"], obj["kind"]
        schema = self._built_in.get((version, kind)) or self._custom(version, kind)
        if schema is None:
            return [f"no schema for {version} {kind}"]
        name = f"{kind}/{obj['metadata']['name']}"
        custom = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        if "x-kubernetes-group-version-kind" not in schema:
            metadata = {"$ref": _REF + "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
            schema = {**schema, "properties": {**schema["properties"], **custom, "metadata": metadata}}
        return list(self._check(obj, schema, name))

    def _read_custom(self, api_version: str, kind: str) -> dict[str, Any] | None:
        group, _, version = api_version.rpartition("/")
        for file in sorted((self._shared / "crds").glob(f"*.{group}.yaml")):
            spec = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["spec"]
            if spec["names"]["kind"] == kind:
                served = {each["name"]: each for each in spec["versions"] if each["served"]}
                schema: dict[str, Any] = served[version]["schema"]["openAPIV3Schema"]
                return schema
        return None

    def _check(self, value: Any, schema: dict[str, Any], route: str) -> Iterator[str]:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            schema = {"x-kubernetes-int-or-string": True} if name == _QUANTITY else self._definitions[name]
        if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                yield f"{route}: {value!r} is neither a number nor a text"
            return
        wanted = schema.get("type")
        if wanted and (not isinstance(value, _TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
            yield f"{route}: {value!r} is not of type {wanted}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{route}: {value!r} is none of {schema['enum']}"
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            yield f"{route}: {value!r} does not match {schema['pattern']}"
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._check(item, schema.get("items", {}), f"{route}[{index}]")
        elif isinstance(value, dict):
            yield from self._fields(value, schema, route)

    def _fields(self, value: dict[str, Any], schema: dict[str, Any], route: str) -> Iterator[str]:
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        free = others is True or schema.get("x-kubernetes-preserve-unknown-fields") or not (known or others)
        yield from (f"{route}: {name} is missing" for name in schema.get("required", []) if name not in value)
        for name, item in value.items():
            if name in known:
                yield from self._check(item, known[name], f"{route}.{name}")
            elif isinstance(others, dict):
                yield from self._check(item, others, f"{route}.{name}")
            elif not free:
                yield f"{route}.{name}: unknown field"
