"""Rules as ``ValidatingAdmissionPolicy``: the API server then refuses what a scan would find.

Kubernetes documentation, "Validating Admission Policy" and "Common Expression Language in Kubernetes". What the server
does not have is written out: items become loops, the effective Pod a variable, parameters literals, shared expressions
their text. ``docs/export.md`` lists what differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from assay.engine.functions import FUNCTIONS
from assay.engine.judge import matches
from assay.engine.unfold import CLOSE, OPEN, UnfoldError, arguments_of, before, tokens_of, unfold
from assay.kinds import PLURALS
from assay.model.rules import Binding, Rule
from assay.workloads import CONTAINER_TYPES, TEMPLATES

_API = "admissionregistration.k8s.io/v1"
_TEXT = re.compile(r"[rRbB]{0,2}[\"']")
_OWN = {
    name: re.compile(rf"\.{name}\(" if is_member else rf"(?<![\w.]){re.escape(name)}\(")
    for name, _, _, is_member, _ in FUNCTIONS
} | {"math": re.compile(r"(?<![\w.])math\.")}
_WORDS = {"true": "boolean", "false": "boolean", "null": "null"}
_CLOSING = {"[": "]", "{": "}"}
_NOW = re.compile(r"(?<![\w.])now\b")


class ExportError(ValueError):
    """An API server cannot decide what the rule decides; the text says why."""


class Exported(NamedTuple):
    """A rule as an API server runs it."""

    policy: dict[str, Any]
    binding: dict[str, Any]
    without: tuple[str, ...]
    """Kinds that the rule names and the policy does not: what their objects are called in an API is not known here."""


def export(binding: Binding) -> Exported:
    """The policy of a rule with the values of its parameters, and a binding that makes it count everywhere.

    Raises:
        ExportError: The server lacks something that the rule needs.
    """
    rule = binding.rule
    _check(binding)
    kinds = dict.fromkeys(one for kind in rule.kinds for one in (TEMPLATES if kind == "workloads" else (kind,)))
    served = [kind for kind in kinds if kind.endswith("*") or kind in PLURALS]
    if not served:
        raise ExportError("no API is known here that serves a kind of it")
    validations = [{"expression": text, "message": rule.title} for text in _validations(binding)]
    used = "".join(entry["expression"] for entry in validations)
    variables = [
        {"name": name, "expression": _of_pod(rule, part)}
        for name, part in (("pod", "spec"), ("podMetadata", "metadata"))
        if re.search(rf"\bvariables\.{name}\b", used)
    ]
    metadata = {"name": rule.id, "labels": {"app.kubernetes.io/managed-by": "assay"}}
    policy = {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": _resources(served)},
            # Finalizers are taken off by an update: what is being deleted must not be held back by what it holds.
            "matchConditions": [
                {"name": "stays", "expression": "!object.?metadata.?deletionTimestamp.hasValue()"},
            ],
            **({"variables": variables} if variables else {}),
            "validations": validations,
        },
    }
    bound = {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": rule.id, "validationActions": ["Deny"]},
    }
    left_out = (kind for kind in rule.kinds if kind != "workloads" and kind not in served)
    return Exported(policy, bound, tuple(left_out))


def _check(binding: Binding) -> None:
    """Refuse what no expression can give back."""
    rule = binding.rule
    reasons = {
        "it needs facts about several objects": bool(rule.needs) or rule.scope == "relation",
        "only a live cluster answers it": rule.scope == "live",
        "the server fills in what nobody wrote before it asks": rule.about == "declaration",
        "it may have to leave open what it decides": bool(rule.unknown),
        **{f"the parameter {name} has no value": True for name, _ in binding.unset},
    }
    for reason, holds in reasons.items():
        if holds:
            raise ExportError(reason)


def _validations(binding: Binding) -> Iterator[str]:
    """One expression for the whole object, or for each list or map of items."""
    each = binding.rule.each
    if each is None:
        yield _body(binding, {})
    elif each.paths == ("containers",):
        for name, kind in CONTAINER_TYPES.items():
            body = _body(binding, {"containerType": f'"{kind}"'})
            yield f"variables.pod.?{name}.orValue([]).all({each.name}, {body})"
    else:
        for path in each.paths:
            yield _loops(path, each.name, _body(binding, {}))


def _loops(path: str, name: str, body: str) -> str:
    """All items at a path; lists and maps have the same loop, with a key or an index."""
    start, _, rest = path.partition(".")
    at_pod = start == "pod" and bool(rest)
    *lists, last = (rest if at_pod else path).split("[*].")
    value, opened = "variables.pod" if at_pod else "object", ""
    for depth, part in enumerate(lists):
        opened += _all(f"{value}.?{part.replace('.', '.?')}", f"parent{depth}")
        value = f"parent{depth}"
    opened += _all(f"{value}.?{last.replace('.', '.?')}", f"key, {name}")
    return opened + body + "))" * (len(lists) + 1)


def _all(items: str, names: str) -> str:
    """The beginning of a loop; the server hands over null for a list that nobody wrote (``rules`` of a ClusterRole)."""
    return f"({items}.orValue(null) == null || {items}.value().all({names}, "


def _body(binding: Binding, values: dict[str, str]) -> str:
    """Whether the rule has nothing against an item, as the server's language says it."""
    rule = binding.rule
    check = _written(binding, rule.check, values)
    return f"({_written(binding, rule.when, values)}) ? ({check}) : true" if rule.when else check


def _written(binding: Binding, expression: str, values: dict[str, str]) -> str:
    rule = binding.rule
    for name, value in {**values, "pod": "variables.pod", "podMetadata": "variables.podMetadata"}.items():
        if name in tokens_of(expression):
            expression = f"cel.bind({name}, {value}, {expression}\n)"  # behind a comment, if it ends with one
    try:
        written = unfold(expression, binding.literals, rule.shared)
    except UnfoldError as problem:
        raise ExportError(str(problem)) from None
    tokens = tokens_of(written)
    code = "".join(part for part in tokens if not _TEXT.match(part))
    for name, pattern in _OWN.items():
        if pattern.search(code):
            raise ExportError(f"the server has no {name}" + ("()" if name != "math" else " functions"))
    if _NOW.search(code):
        raise ExportError("the server has no clock")
    return "".join(_tidy(_alike(tokens)))


def _tidy(tokens: list[str]) -> list[str]:
    """The tokens without blanks inside of brackets, which writing out leaves."""
    following = [*tokens[1:], ""]
    previous = ["", *tokens[:-1]]
    return [
        part
        for before_it, part, behind in zip(previous, tokens, following, strict=True)
        if part != " " or not (before_it in OPEN or behind in CLOSE)
    ]


def _alike(tokens: list[str]) -> list[str]:
    """The tokens with ``dyn()`` around what lists and maps are written with, where it is not all of one type.

    The server refuses ``["", 1]`` (k8s.io/apiserver, ``pkg/cel/environment``: ``HomogeneousAggregateLiterals``).
    """
    done: list[str] = []
    position = 0
    while position < len(tokens):
        sign = tokens[position]
        if sign not in ("[", "{") or not _starts(tokens, position):
            done.append(sign)
            position += 1
            continue
        entries, position = arguments_of(tokens, position + 1)
        keys = [entry.index(":") + 1 if sign == "{" and ":" in entry else 0 for entry in entries]
        values = [_alike(entry[key:]) for entry, key in zip(entries, keys, strict=True)]
        types = {_constant(value) for value in values}
        if len(values) > 1 and (len(types) > 1 or types == {""}):
            values = [[" ", "dyn", "(", *value, ")"] for value in values]
        written = [[*entry[:key], *value] for entry, key, value in zip(entries, keys, values, strict=True)]
        done += [sign, *written[0], *(part for entry in written[1:] for part in (",", *entry)), _CLOSING[sign]]
    return done


def _starts(tokens: list[str], position: int) -> bool:
    """Whether a bracket starts a list or a map, and is no index."""
    previous = tokens[before(tokens, position)] if before(tokens, position) >= 0 else ""
    return previous == "in" or not (
        previous in (")", "]", "}") or previous[-1:].isalnum() or previous[-1:] == "_" or _TEXT.match(previous)
    )


def _constant(tokens: list[str]) -> str:
    """What type the value of a single token has; empty for anything that must be computed."""
    parts = [part for part in tokens if part != " "]
    if len(parts) != 1:
        return ""
    (part,) = parts
    return "text" if _TEXT.match(part) else "number" if part.isdecimal() else _WORDS.get(part, "")


def _of_pod(rule: Rule, part: str) -> str:
    """The spec or the metadata of the effective Pod of any kind of the rule, empty if there is none."""
    routes: dict[str, list[str]] = {}
    for kind, template in TEMPLATES.items():
        if kind in PLURALS and matches(rule, kind):
            route = "".join(f".?{step}" for step in (*template, part))
            routes.setdefault(route, []).append(kind.partition("/")[2])
    if not routes:
        raise ExportError("none of its kinds has a Pod")
    *others, (most, _) = sorted(routes.items(), key=lambda entry: len(entry[1]))
    chosen = "".join(f"object.kind in {_list(names)} ? object{route} : " for route, names in others)
    return f"({chosen}object{most}).orValue({{}})"


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _resources(kinds: list[str]) -> list[dict[str, Any]]:
    """What the policy is asked about; ephemeral containers are written through a resource of their own."""
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        group, _, name = kind.rpartition("/")
        found = groups.setdefault({"core": "", "": "*"}.get(group, group), [])
        found.append("*" if name == "*" else PLURALS[kind])
        if kind in ("core/Pod", "core/*", "*"):
            found.append("pods/ephemeralcontainers")
    return [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources}
        for group, found in groups.items()
        # The server takes nothing beside a star that the star covers.
        for resources in [["*", *(one for one in found if "/" in one)] if "*" in found else found]
    ]
