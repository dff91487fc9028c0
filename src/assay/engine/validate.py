"""Policy files against their JSON Schemas, each mistake with its file and line."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from assay.documents import Locator, Problem, read_file
from assay.errors import PolicyError
from assay.model.origin import format_route

if TYPE_CHECKING:
    from pathlib import Path


_SCHEMA_OF = {"config": "config schema", "waivers": "config schema waivers"}


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema ``rule``, ``pack``, ``lib``, ``config`` or ``waivers`` that ships with Assay."""
    text = files("assay").joinpath("engine", "schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def validate_policy(path: Path) -> dict[str, Any]:
    """Read one file of a policy folder: a rule, a pack or shared expressions.

    Raises:
        PolicyError: The file is no YAML, holds something else, or breaks its schema; the first mistake counts.
    """
    data = validated(path, _kind_of(path))
    if "assert" in data and data["id"] != path.stem:
        raise PolicyError(
            f"the rule {data['id']!r} must stand in a file of its own name",
            where=str(path),
            todo=f"rename the file to {data['id']}.yaml",
        )
    unnamed = sorted(_facts_read(data) - set(data.get("needs", ())))
    if "assert" in data and unnamed:
        raise PolicyError(
            f"the rule reads facts.{unnamed[0]}, which `needs` does not name",
            where=str(path),
            todo=f"add {unnamed[0]} to `needs`: what could turn the verdict unseen hangs on it",
        )
    return data


def _facts_read(rule: dict[str, Any]) -> set[str]:
    """The facts that the expressions of a rule read."""
    blamed = [entry.get("when", "") for entry in rule.get("at", ()) if isinstance(entry, dict)]
    texts = [str(rule.get(key, "")) for key in ("when", "assert", "unknown", "message")]
    return {name for text in (*texts, *blamed) for name in re.findall(r"\bfacts\.(\w+)", text)}


def _kind_of(path: Path) -> str:
    documents = read_file(path)[1]
    value = None if not documents or isinstance(documents[0], Problem) else documents[0].value
    if not isinstance(value, dict) or "assert" in value or "match" in value:
        return "rule"
    return "lib" if "expressions" in value else "pack" if "controls" in value else "rule"


def validated(path: Path, kind: str) -> dict[str, Any]:
    """The one document of a file, checked against the schema of its kind.

    Raises:
        PolicyError: With ``file:line`` and, for an unknown key, the nearest known one.
    """
    text, documents = read_file(path)
    if not documents:
        raise PolicyError(f"{path.name} is empty", where=str(path), todo=f"write a {kind} or delete the file")
    first = documents[0]
    if isinstance(first, Problem):
        raise PolicyError(first.what, where=f"{path}:{first.line}:{first.column}", todo=first.todo)
    _check(first.value, kind, path, Locator(text))
    value: dict[str, Any] = first.value
    return value


def _check(value: Any, kind: str, path: Path, locator: Locator) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema(kind)).iter_errors(value))
    if error is None:
        return
    route = tuple(error.absolute_path)
    what, todo = (
        error.message,
        f"`assay {_SCHEMA_OF.get(kind, 'rules schema')}` prints what is allowed",
    )
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        route = (*route, unknown)
        what, todo = f"unknown key {unknown!r}", _propose(unknown, known)
    elif error.validator == "required":
        what = f"{format_route(route) or 'the file'} lacks {error.message.split(chr(39))[1]!r}"
    span = locator.locate(0, route)
    line, column = span.key[:2] if span.key else (span.line, span.column)
    raise PolicyError(what, where=f"{path}:{line}:{column}", todo=todo)


def _propose(unknown: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(unknown, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(sorted(known))}"
