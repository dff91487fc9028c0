"""Rules as loaded data; the expressions are still text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.model.verdicts import Severity


class Shared(NamedTuple):
    """An expression of ``policies/lib/`` that rules call as ``lib.name(arguments)``; ``means`` says what it decides."""

    name: str
    takes: tuple[str, ...]
    means: str
    expression: str


class Param(NamedTuple):
    """A parameter of a rule: ``type`` is one of string, integer, number, boolean, strings, kubernetes-version.

    A kubernetes-version is written ``v1.24`` or ``latest``; expressions see its minor as an integer.
    """

    name: str
    type: str
    default: Any
    source: str
    shared: str = ""
    """The name under which ``--param NAME=VALUE`` sets it for every rule that shares it."""
    needed: str = ""
    """CEL: where the decision hangs on a value that only the user can know. While it is empty, that is not assessed."""


NEWEST_MINOR = 37
"""The Kubernetes minor that schemas, Pod Security and rules mean by ``latest`` (Kubernetes 1.37)."""


def minor_of(version: str) -> int:
    """The minor of ``v1.24`` (24) or of ``latest`` (:data:`NEWEST_MINOR`).

    Raises:
        ValueError: The text is neither, or names a minor that is newer than the newest known.
    """
    if version == "latest":
        return NEWEST_MINOR
    number = version.removeprefix("v1.")
    if not version.startswith("v1.") or not number.isdecimal() or int(number) > NEWEST_MINOR:
        raise ValueError(f"{version!r} is no Kubernetes version from v1.0 to v1.{NEWEST_MINOR} and not latest")
    return int(number)


class Each(NamedTuple):
    """The items that a rule judges one by one.

    ``paths`` is ``containers`` alone (all container kinds of the effective Pod) or routes with ``[*]`` where a list
    is walked on the way; ``name`` is what an item is called in expressions.
    """

    paths: tuple[str, ...]
    name: str


class At(NamedTuple):
    """A route to blame; with ``when`` (CEL) only where that is true, for rules that more than one field can break."""

    route: str
    when: str = ""


class Tie(NamedTuple):
    """Why a rule is evidence for a control."""

    pack: str
    control: str
    required: bool
    because: str
    params: Mapping[str, Any] = {}


class Rule(NamedTuple):
    """One declarative check; ``docs/rules.md`` describes every field."""

    id: str
    title: str
    severity: Severity
    domain: str
    kinds: tuple[str, ...]
    each: Each | None
    when: str
    check: str
    message: str
    at: tuple[At, ...]
    evidence: tuple[str, ...]
    params: tuple[Param, ...]
    needs: tuple[str, ...]
    why: str
    fix: str
    references: tuple[str, ...]
    ties: tuple[Tie, ...]
    aliases: tuple[str, ...]
    scope: str
    about: str
    version: int
    file: Path
    unknown: str = ""
    turns: Mapping[str, tuple[str, ...]] = {}
    shared: Mapping[str, Shared] = {}
    """Every shared expression that there is, by name: those that the rule's own may call."""


class Binding(NamedTuple):
    """A rule with the values of its parameters, and the (pack, control) pairs that want it so.

    ``name`` is empty where only the rule's own defaults, the project file and the command line decide; else it is
    the packs that want other values. Fingerprints hold the name and not the values.
    """

    rule: Rule
    params: dict[str, Any]
    controls: tuple[tuple[str, str], ...] = ()
    name: str = ""

    @property
    def literals(self) -> dict[str, Any]:
        """The values as expressions see them: of a Kubernetes version its minor."""
        versions = {param.name for param in self.rule.params if param.type == "kubernetes-version"}
        return {name: minor_of(value) if name in versions else value for name, value in self.params.items()}

    @property
    def unset(self) -> tuple[tuple[str, str], ...]:
        """The parameters that only the user can set and has not, as ``--param`` calls them, with where they count."""
        return tuple(
            (param.shared or f"{self.rule.id}.{param.name}", param.needed)
            for param in self.rule.params
            if param.needed and not self.params[param.name]
        )

    @property
    def packs(self) -> tuple[str, ...]:
        """The packs behind the controls, each once, in their order."""
        return tuple(dict.fromkeys(pack for pack, _ in self.controls))
