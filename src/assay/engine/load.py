"""Rules and packs from their files.

The shipped ones are validated by the tests and read here without ceremony; those of a user are validated
against the JSON Schemas first, so that every mistake has a file and a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.engine.parsed import parse_all
from assay.engine.validate import validate_policy
from assay.errors import PolicyError
from assay.model.controls import Assessability, Control, Pack
from assay.model.rules import At, Each, Param, Rule, Shared, Tie
from assay.model.verdicts import Severity


class Library(NamedTuple):
    """Every rule and pack that can be chosen, by id."""

    rules: dict[str, Rule]
    packs: dict[str, Pack]

    def rule(self, name: str) -> Rule:
        """A rule by its id or by the id that another tool gives it.

        Raises:
            PolicyError: No such rule; proposes the nearest id.
        """
        found = self.rules.get(name) or next((r for r in self.rules.values() if name in r.aliases), None)
        if found is None:
            raise PolicyError(f"there is no rule {name!r}", todo=nearest(name, self.rules, "assay rules list"))
        return found

    def pack(self, name: str) -> Pack:
        """A pack by its id.

        Raises:
            PolicyError: No such pack; proposes the nearest id.
        """
        if name not in self.packs:
            raise PolicyError(f"there is no pack {name!r}", todo=nearest(name, self.packs, "assay controls"))
        return self.packs[name]


def nearest(name: str, known: Iterable[str], listing: str) -> str:
    """``did you mean X?`` where something is near enough, else the command that lists what there is."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"`{listing}` shows what there is"


def load_library(shipped: Path, own: Iterable[Path] = ()) -> Library:
    """Read the shipped policies and the folders of a user.

    Raises:
        PolicyError: A file that is no rule or pack, an id given twice, a tie to a control that does not exist.
    """
    rules: dict[str, Rule] = {}
    packs: dict[str, Pack] = {}
    shared: dict[str, Shared] = {}
    for path, data in (*parse_all(_files(shipped)), *_own(own)):
        if "expressions" in data:
            _add_shared(shared, data, path)
            continue
        known: dict[str, Any] = rules if "assert" in data else packs
        if data["id"] in known:
            raise PolicyError(f"the id {data['id']!r} is taken", where=str(path), todo="choose another id")
        known[data["id"]] = _rule(data, path, shared) if known is rules else _pack(data)
    return Library(rules, {name: _with_ties(pack, rules) for name, pack in packs.items()})


def _own(folders: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in folders:
        if not folder.exists():
            raise PolicyError(f"the policy folder {folder} does not exist", todo="correct `policies:` in assay.yaml")
        for path in _files(folder):
            yield path, validate_policy(path)


def read_rules(files: Iterable[Path], shipped: Path) -> list[Rule]:
    """Read rule files that nobody has loaded, with the shared expressions among them and the shipped ones.

    Raises:
        PolicyError: A file that is wrong.
    """
    shared: dict[str, Shared] = {}
    rules = []
    for path, data in parse_all(_files(shipped / "lib"), "lib"):
        _add_shared(shared, data, path)
    for path in files:
        data = validate_policy(path)
        if "expressions" in data and not path.resolve().is_relative_to(shipped):
            _add_shared(shared, data, path)
        elif "assert" in data:
            rules.append(_rule(data, path, shared))
    return rules


def _add_shared(shared: dict[str, Shared], data: dict[str, Any], path: Path) -> None:
    for entry in data["expressions"]:
        if entry["name"] in shared:
            raise PolicyError(
                f"the shared expression {entry['name']!r} is taken", where=str(path), todo="choose another name"
            )
        shared[entry["name"]] = Shared(entry["name"], tuple(entry["takes"]), entry["means"], entry["is"])


def read_examples(path: Path) -> dict[str, list[Any]]:
    """The examples of a rule: ``pass``, ``fail``, ``not applicable`` and so on, each a list."""
    return {key: list(value) for key, value in (validate_policy(path).get("examples") or {}).items()}


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.yaml") if path.is_file())


def _rule(data: dict[str, Any], path: Path, shared: Mapping[str, Shared]) -> Rule:
    return Rule(
        id=data["id"],
        title=data["title"],
        severity=Severity(data["severity"]),
        domain=data["domain"],
        kinds=tuple(data["match"]["kinds"]),
        each=_each(data.get("each")),
        when=str(data.get("when", "")),
        check=str(data["assert"]),
        message=data["message"],
        at=tuple(At(entry) if isinstance(entry, str) else At(entry["route"], entry["when"]) for entry in data["at"]),
        evidence=tuple(data.get("evidence", ())),
        params=tuple(_param(name, spec) for name, spec in (data.get("params") or {}).items()),
        needs=tuple(data.get("needs", ())),
        why=data["why"],
        fix=data["fix"],
        references=tuple(data["references"]),
        ties=tuple(_tie(entry) for entry in data.get("controls", ())),
        aliases=tuple(data.get("aliases", ())),
        scope=data.get("scope", "object"),
        about=data.get("about", ""),
        version=data.get("version", 1),
        file=path,
        unknown=str(data.get("unknown", "")),
        turns={verdict: tuple(kinds) for verdict, kinds in data.get("turns", {}).items()},
        shared=shared,
    )


def _each(data: Any) -> Each | None:
    if data is None or data == "containers":
        return Each(("containers",), "container") if data else None
    return Each((data["in"],) if isinstance(data["in"], str) else tuple(data["in"]), data["as"])


def _param(name: str, spec: dict[str, Any]) -> Param:
    return Param(
        name, spec["type"], spec["default"], spec["source"], spec.get("shared", ""), _needed(spec.get("needed", ""))
    )


def _needed(given: bool | str) -> str:
    return "true" if given is True else given or ""


def _tie(entry: dict[str, Any]) -> Tie:
    return Tie(entry["pack"], str(entry["id"]), entry["tie"] == "required", entry["because"], entry.get("params", {}))


def _pack(data: dict[str, Any]) -> Pack:
    controls = tuple(
        Control(
            pack=data["id"],
            id=str(entry["id"]),
            title=entry["title"],
            assessability=Assessability(entry["assessability"]),
            seen=entry.get("seen", ""),
            show=entry.get("show", ""),
            ties=tuple(
                (tie["rule"], _tie({**tie, "pack": data["id"], "id": entry["id"]})) for tie in entry.get("rules", ())
            ),
        )
        for entry in data["controls"]
    )
    return Pack(data["id"], data["title"], str(data["version"]), data["source"], data.get("scope", ""), controls)


def _with_ties(pack: Pack, rules: dict[str, Rule]) -> Pack:
    """The pack with the ties that rules declare, beside those that it names itself."""
    by_control: dict[str, list[tuple[str, Tie]]] = {control.id: list(control.ties) for control in pack.controls}
    for rule in rules.values():
        for tie in rule.ties:
            if tie.pack != pack.id:
                continue
            if tie.control not in by_control:
                raise PolicyError(
                    f"rule {rule.id} is tied to {pack.id} {tie.control}, which the pack does not have",
                    where=str(rule.file),
                )
            by_control[tie.control].append((rule.id, tie))
    for control, ties in by_control.items():
        for name, _ in ties:
            if name not in rules:
                raise PolicyError(
                    f"{pack.id} {control} names the rule {name!r}, which does not exist",
                    todo=nearest(name, rules, "assay rules list"),
                )
    return pack._replace(controls=tuple(c._replace(ties=tuple(by_control[c.id])) for c in pack.controls))
