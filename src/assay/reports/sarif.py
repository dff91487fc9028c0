"""SARIF 2.1.0 as GitHub and Azure accept it (docs/reports.md).

Controls are taxonomies and not tags, because GitHub keeps ten tags of a rule; only failures are results unless
more is asked for; what was not assessed is a notification.
"""

from __future__ import annotations

import json
from typing import Any

import attr
import sarif_om as om

from assay.reports.form import Form
from assay.reports.grouping import SEVERITIES, failures, grouped, object_name

SCHEMA_URI = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json"
INFORMATION_URI = "https://pypi.org/project/assay/"
MOST_RESULTS = 5000
_MOST_TAGS = 10
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
# GitHub reads `security-severity` as a CVSS-like number: over 9 is critical, 7 high, 4 medium, below low.
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}


def write(form: Form, options: dict[str, Any]) -> str:
    """The form as SARIF.

    Args:
        options: ``include`` lists verdicts that are results beside failures (``waived``, ``baseline``), as
            suppressed ones; ``profile`` is ``github`` or ``azure``, and ``pipeline`` then the ids of the Azure
            pipeline; ``exit_code`` is that of the run.
    """
    log = om.SarifLog(version="2.1.0", schema_uri=SCHEMA_URI, runs=[_run(form, options)])
    return json.dumps(plain(log), indent=2, ensure_ascii=True) + "\n"


def plain(value: Any) -> Any:
    """An object of sarif-om as plain data: its attributes by their names in the schema, defaults left out."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if not attr.has(type(value)):
        return value
    found = {}
    for field in attr.fields(type(value)):
        content = getattr(value, field.name)
        if content is not None and content != field.default:
            found[field.metadata["schema_property_name"]] = plain(content)
    return found


def _run(form: Form, options: dict[str, Any]) -> om.Run:
    rules = {rule["id"]: index for index, rule in enumerate(form["rules"])}
    taxa = _taxonomies(form)
    chosen = _chosen(form, options.get("include", ()))
    kept = sorted(chosen, key=lambda finding: SEVERITIES.index(finding["severity"]))[:MOST_RESULTS]
    driver = om.ToolComponent(
        name="Assay",
        full_name=f"Assay {form['tool']['version']}",
        version=form["tool"]["version"],
        semantic_version=form["tool"]["version"],
        information_uri=INFORMATION_URI,
        rules=[_rule(rule, taxa) for rule in form["rules"]],
        supported_taxonomies=[om.ToolComponentReference(name=taxonomy.name) for taxonomy in taxa.values()] or None,
        notifications=[
            om.ReportingDescriptor(
                id=name,
                name=title,
                short_description=om.MultiformatMessageString(text=f"{text}."),
                full_description=om.MultiformatMessageString(text=f"{text}."),
                help=om.MultiformatMessageString(text=f"{text}.", markdown=f"{text}."),
                help_uri=INFORMATION_URI,
                message_strings={"default": om.MultiformatMessageString(text=f"{text}: '{{0}}'.")},
            )
            for name, title, text in _NOTIFICATIONS
        ],
    )
    return om.Run(
        tool=om.Tool(driver=driver),
        taxonomies=list(taxa.values()) or None,
        results=[_result(finding, rules) for finding in kept],
        invocations=[_invocation(form, options, dropped=len(chosen) - len(kept))],
        column_kind="unicodeCodePoints",
        version_control_provenance=_version_control(form),
        automation_details=_automation(form, options),
        original_uri_base_ids={
            "SRCROOT": om.ArtifactLocation(
                description=om.Message(text="The root of the repository, or the working directory.")
            )
        },
    )


_NOTIFICATIONS = (
    ("ASSAY-NOT-ASSESSED", "NotAssessed", "A rule could not be decided for an object"),
    ("ASSAY-UNREAD", "Unread", "A source could not be read or rendered"),
    ("ASSAY-RULE-ERROR", "RuleError", "A rule broke"),
    ("ASSAY-TRUNCATED", "Truncated", "There were more results than are kept"),
)


def _version_control(form: Form) -> list[om.VersionControlDetails] | None:
    known = form["run"].get("versionControl")
    if not known:
        return None
    return [
        om.VersionControlDetails(
            repository_uri=known["repositoryUri"],
            revision_id=known["revisionId"],
            branch=known["branch"],
            mapped_to=om.ArtifactLocation(uri_base_id="SRCROOT"),
        )
    ]


def _automation(form: Form, options: dict[str, Any]) -> om.RunAutomationDetails:
    worlds = "+".join(world["name"] for world in form["run"]["worlds"])
    if options.get("profile") == "azure":
        known = options["pipeline"]
        steps = (known[name] for name in ("org", "project", "buildDefinitionId", "phaseId", "branch", "buildId"))
        return om.RunAutomationDetails(
            id="/".join(("azuredevops/pipeline/build", *steps)),
            properties={
                f"azuredevops/pipeline/build/{name}": known[name]
                for name in ("buildDefinitionId", "buildDefinitionName", "phaseId", "phaseName")
            },
        )
    return om.RunAutomationDetails(id=f"assay/{worlds}/")


def _chosen(form: Form, include: Any) -> list[dict[str, Any]]:
    chosen = failures(form)
    if "waived" in include:
        chosen += grouped(finding for finding in form["findings"] if finding["verdict"] == "waived")
    return chosen if "baseline" in include else [finding for finding in chosen if not finding["baseline"]]


def _taxonomies(form: Form) -> dict[str, om.ToolComponent]:
    """One taxonomy for each pack, with the controls that any rule of this run is tied to."""
    titles = {(control["framework"], control["id"]): control["title"] for control in form["controls"]}
    tied: dict[str, dict[str, str]] = {pack["id"]: {} for pack in form["run"]["packs"]}
    for rule in form["rules"]:
        for control in rule["controls"]:
            pack, name = control["framework"], control["id"]
            if (pack, name) in titles:
                tied[pack][name] = titles[pack, name]
    found = {}
    for pack in form["run"]["packs"]:
        taxa = tied[pack["id"]]
        if taxa:
            found[pack["id"]] = om.ToolComponent(
                name=pack["id"],
                full_name=f"{pack['title']} {pack['version']}",
                version=pack["version"],
                short_description=om.MultiformatMessageString(text=f"{pack['title']} {pack['version']}."),
                information_uri=INFORMATION_URI,
                is_comprehensive=False,
                taxa=[
                    om.ReportingDescriptor(
                        id=name, name=name, short_description=om.MultiformatMessageString(text=f"{title}.")
                    )
                    for name, title in taxa.items()
                ],
            )
    return found


def _rule(rule: dict[str, Any], taxa: dict[str, om.ToolComponent]) -> om.ReportingDescriptor:
    relationships = [
        om.ReportingDescriptorRelationship(
            target=om.ReportingDescriptorReference(
                id=control["id"], tool_component=om.ToolComponentReference(name=control["framework"])
            ),
            kinds=["relevant"],
        )
        for control in rule["controls"]
        if control["framework"] in taxa
    ]
    references = "\n".join(f"- <{reference}>" for reference in rule["references"])
    return om.ReportingDescriptor(
        id=rule["id"],
        name="".join(part.capitalize() for part in rule["id"].split("-")),
        short_description=om.MultiformatMessageString(text=f"{rule['title']}."),
        full_description=om.MultiformatMessageString(text=rule["why"].strip()),
        help=om.MultiformatMessageString(
            text=f"{rule['why'].strip()}\n\nFix: {rule['fix'].strip()}",
            markdown=f"{rule['why'].strip()}\n\n**Fix:** {rule['fix'].strip()}\n\n{references}",
        ),
        help_uri=rule["references"][0],
        message_strings={"default": om.MultiformatMessageString(text=f"{_literal(rule['title'])}: not so in '{{0}}'.")},
        default_configuration=om.ReportingConfiguration(level=_LEVELS[rule["severity"]]),
        relationships=relationships or None,
        properties={
            "tags": ["security", rule["domain"], *sorted({c["framework"] for c in rule["controls"]})][:_MOST_TAGS],
            "security-severity": _SCORES[rule["severity"]],
            "precision": "very-high",
        },
    )


def _result(finding: dict[str, Any], rules: dict[str, int]) -> om.Result:
    primary, *related = [place for place in finding["places"] if place["file"]]
    worlds = ", ".join(finding["worlds"])
    name = object_name(finding)
    text = _sentence(f"{finding['message']} ({name}, {worlds})")
    suppressions = None
    if finding["verdict"] == "waived":
        suppressions = [om.Suppression(kind="external", justification=finding["waiver"]["reason"])]
    return om.Result(
        rule_id=finding["rule"],
        rule_index=rules[finding["rule"]],
        level=_LEVELS[finding["severity"]],
        message=om.Message(id="default", arguments=[f"{name}, {worlds}"], text=text),
        locations=[_location(primary, finding, name)],
        related_locations=[_related(place, number) for number, place in enumerate(related, 1)] or None,
        partial_fingerprints={"assayFingerprint/v1": finding["fingerprint"]},
        suppressions=suppressions,
        baseline_state="unchanged" if finding["baseline"] else None,
        properties={
            "worlds": finding["worlds"],
            "severity": finding["severity"],
            "controls": [f"{control['framework']} {control['id']}" for control in finding["controls"]],
        },
    )


def _literal(text: str) -> str:
    """A text whose braces are no placeholders."""
    return text.replace("{", "{{").replace("}", "}}")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _location(place: dict[str, Any], finding: dict[str, Any], name: str) -> om.Location:
    logical = om.LogicalLocation(
        fully_qualified_name=f"{name} {finding['route']}".strip(), kind="resource", name=name or finding["source"]
    )
    return om.Location(physical_location=_physical(place), logical_locations=[logical])


def _related(place: dict[str, Any], number: int) -> om.Location:
    return om.Location(
        id=number, physical_location=_physical(place), message=om.Message(text=_sentence(place["role"].capitalize()))
    )


def _physical(place: dict[str, Any]) -> om.PhysicalLocation:
    lines = place["excerpt"].count("\n") + 1
    first = place["excerptLine"] or place["line"]
    last = max(first + lines - 1, place["line"])
    cut = place["endLine"] > last
    shown = place["excerpt"].split("\n")[
        place["line"] - first : (place["line"] if cut else place["endLine"]) - first + 1
    ]
    return om.PhysicalLocation(
        artifact_location=om.ArtifactLocation(uri=_uri(place["file"]), uri_base_id="SRCROOT"),
        region=om.Region(
            start_line=place["line"],
            start_column=place["column"],
            end_line=place["line"] if cut else place["endLine"],
            end_column=None if cut else place["endColumn"],
            snippet=om.ArtifactContent(text="\n".join(shown)) if place["excerpt"] else None,
        ),
        context_region=om.Region(
            start_line=first,
            end_line=last,
            snippet=om.ArtifactContent(text=place["excerpt"]) if place["excerpt"] else None,
        ),
    )


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file.encode("utf-8", "surrogateescape"))


def _invocation(form: Form, options: dict[str, Any], dropped: int) -> om.Invocation:
    notifications = [
        _notification("ASSAY-UNREAD", "error", f"{entry['source']}: {entry['reason']}", entry["place"])
        for entry in form["unread"]
    ]
    for finding in grouped(f for f in form["findings"] if f["verdict"] == "error"):
        text = f"{finding['rule']}: {finding['reason']} ({object_name(finding)})"
        notifications.append(_notification("ASSAY-RULE-ERROR", "error", text, finding["places"][0]))
    for finding in grouped(f for f in form["findings"] if f["verdict"] == "not assessed" and "unread" not in f):
        text = f"{finding['rule']}: {finding['reason']} ({object_name(finding)})"
        notifications.append(_notification("ASSAY-NOT-ASSESSED", "note", text, finding["places"][0]))
    if dropped:
        text = f"{dropped} results of the least severity are left out, {MOST_RESULTS} are kept"
        notifications.append(_notification("ASSAY-TRUNCATED", "warning", text, None))
    return om.Invocation(
        execution_successful=not form["unread"],
        exit_code=options.get("exit_code"),
        start_time_utc=form["run"]["started"],
        end_time_utc=form["run"]["ended"],
        tool_execution_notifications=notifications or None,
    )


def _notification(name: str, level: str, text: str, place: dict[str, Any] | None) -> om.Notification:
    return om.Notification(
        descriptor=om.ReportingDescriptorReference(id=name, index=[entry[0] for entry in _NOTIFICATIONS].index(name)),
        level=level,
        message=om.Message(text=_sentence(text)),
        locations=[om.Location(physical_location=_physical(place))] if place and place["file"] else None,
    )
