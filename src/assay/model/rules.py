"""Rules as loaded data; the expressions are still text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from assay.model.verdicts import Severity


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a rule: ``type`` is one of string, integer, number, boolean, strings."""

    name: str
    type: str
    default: Any
    source: str
    shared: str = ""
    """The name under which ``--param NAME=VALUE`` sets it for every rule that shares it."""


@dataclass(frozen=True, slots=True)
class Each:
    """The items that a rule judges one by one.

    ``paths`` is ``containers`` alone (all container kinds of the effective Pod) or routes with ``[*]`` where a list
    is walked on the way; ``name`` is what an item is called in expressions.
    """

    paths: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class At:
    """A route to blame; with ``when`` (CEL) only where that is true, for rules that more than one field can break."""

    route: str
    when: str = ""


@dataclass(frozen=True, slots=True)
class Tie:
    """Why a rule is evidence for a control."""

    pack: str
    control: str
    required: bool
    because: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
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


@dataclass(frozen=True, slots=True)
class Binding:
    """A rule with the values of its parameters, and the (pack, control) pairs that want it so.

    ``name`` is empty where only the rule's own defaults, the project file and the command line decide; else it is
    the packs that want other values. Fingerprints hold the name and not the values.
    """

    rule: Rule
    params: dict[str, Any]
    controls: tuple[tuple[str, str], ...] = ()
    name: str = ""

    @property
    def packs(self) -> tuple[str, ...]:
        """The packs behind the controls, each once, in their order."""
        return tuple(dict.fromkeys(pack for pack, _ in self.controls))
