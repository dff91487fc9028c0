"""Which rules run, and with which values: command line > project file > pack > rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import yaml

from assay.engine.load import Library, nearest
from assay.errors import UsageError
from assay.model.rules import Binding, Param, Rule, minor_of

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "strings": (list,),
    "kubernetes-version": (str,),
}


class Parameters(NamedTuple):
    """Values for parameters: ``NAME`` for every rule that shares the name, ``RULE.NAME`` for one rule."""

    project: Mapping[str, Any] = {}
    command: Mapping[str, Any] = {}

    def value(self, rule: Rule, param: Param, wanted: Mapping[str, Any]) -> Any:
        """The value that counts; ``wanted`` are the values of the pack."""
        for given in (self.command, self.project):
            for name in (f"{rule.id}.{param.name}", param.shared):
                if name and name in given:
                    return _typed(given[name], param, name)
        return wanted.get(param.name, param.default)


def read_assignments(texts: Iterable[str], option: str) -> dict[str, Any]:
    """``NAME=VALUE`` pairs of a command line, each value read as YAML.

    Raises:
        UsageError: No ``=``, or a value that is no YAML.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {name} has no value", todo=f"write {option} NAME=VALUE")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"the value of {option} {name} is no YAML", todo="quote the value") from None
    return found


def bind(library: Library, packs: Iterable[str], rules: Iterable[str], parameters: Parameters) -> list[Binding]:
    """The bindings of the rules that the packs tie, or of single rules if any are named.

    Raises:
        UsageError: An unknown rule, pack or parameter, or a value of the wrong type.
    """
    _check_names(library, parameters)
    single = {rule.id: rule for rule in map(library.rule, rules)}
    if single:
        return [Binding(rule, _values(rule, parameters, {})) for rule in single.values()]
    found: dict[tuple[str, str], tuple[dict[str, Any], list[tuple[str, str]], set[str]]] = {}
    for name in packs:
        for control in library.pack(name).controls:
            for rule_id, tie in control.ties:
                values = _values(library.rules[rule_id], parameters, tie.params)
                entry = found.setdefault((rule_id, repr(values)), (values, [], set()))
                entry[1].append((name, control.id))
                if values != _values(library.rules[rule_id], parameters, {}):
                    entry[2].add(name)
    return [
        Binding(library.rules[rule_id], values, tuple(controls), "+".join(sorted(own)))
        for (rule_id, _), (values, controls, own) in found.items()
    ]


def _values(rule: Rule, parameters: Parameters, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {param.name: parameters.value(rule, param, wanted) for param in rule.params}


def _check_names(library: Library, parameters: Parameters) -> None:
    known = {
        name
        for rule in library.rules.values()
        for param in rule.params
        for name in (f"{rule.id}.{param.name}", param.shared)
        if name
    }
    for name in (*parameters.command, *parameters.project):
        if name not in known:
            raise UsageError(f"there is no parameter {name!r}", todo=nearest(name, known, "assay rules show RULE"))


def _typed(value: Any, param: Param, name: str) -> Any:
    if param.type == "strings" and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    right = isinstance(value, _TYPES[param.type]) and (param.type == "boolean" or not isinstance(value, bool))
    if not right:
        raise UsageError(f"the parameter {name!r} must be of type {param.type}, not {type(value).__name__}")
    if param.type == "kubernetes-version":
        try:
            minor_of(value)
        except ValueError as problem:
            raise UsageError(f"the parameter {name!r}: {problem}", todo="write it as v1.24, or latest") from None
    return value
