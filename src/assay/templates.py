"""The shipped templates, or a folder of your own, from Python (docs/configuration_api.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from assay.documents import Problem, read_documents
from assay.engine.load import nearest
from assay.errors import AssayError, RenderError, UsageError
from assay.model.origin import Route, format_route
from assay.redact import Masker
from assay.rendering.jinja import Renderer
from assay.shipped import shipped
from assay.sources.discover import TEMPLATE_SUFFIX
from assay.sources.paths import Paths
from assay.sources.templates import OVERRIDES, Given, JinjaTemplate, template_root

SCHEMA = "values.schema.json"


class ProductionConfigManager:
    """Renders templates with the values of an environment, exactly as ``assay render`` does.

    A template here is a folder of Jinja files with its values, such as ``postgresql_ha_cluster``.

    Args:
        folder: Where the templates are; the shipped ones if left out.
        environment: Whose ``<environment>_overrides.yaml`` counts unless a method is told otherwise.

    Example:
        >>> with ProductionConfigManager() as manager:
        ...     text = manager.render_template("postgresql_ha_cluster", variables={"cluster_name": "prod-postgres"})
    """

    def __init__(self, folder: Path | str | None = None, environment: str = "production") -> None:
        self.folder = Path(folder) if folder is not None else shipped("templates")
        self.environment = environment
        self._renderer = Renderer()

    def __enter__(self) -> ProductionConfigManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process that renders; the next rendering starts another."""
        self._renderer.close()

    def list_templates(self) -> list[str]:
        """The names of the templates, sorted."""
        return sorted({self._name(path) for path in self._files()})

    def list_environments(self, template_name: str) -> list[str]:
        """The environments that a template has overrides for, sorted.

        Raises:
            UsageError: There is no such template.
        """
        return sorted(self._sources(template_name, {})[0].environments())

    def list_variables(self, template_name: str) -> dict[str, Any]:
        """Every variable of a template with its default: ``cluster.name``, ``backup.retention_days`` and so on.

        Raises:
            UsageError: There is no such template, or its values are wrong.
        """
        values = self._sources(template_name, {})[0].values("").data
        return {format_route(route): value for route, value in _leaves(values)}

    def render_template(
        self, template_name: str, variables: Mapping[str, Any] | None = None, environment: str | None = None
    ) -> str:
        """What ``kubectl apply -f -`` would get of a template.

        Args:
            template_name: One of :meth:`list_templates`.
            variables: Values over all files. A name is a top-level value, a path (``cluster.name``), the same with
                underscores (``cluster_name``), or an ``alias`` that the template's schema gives.
            environment: One of :meth:`list_environments`.

        Raises:
            UsageError: An unknown template, environment or variable, or values that break the template's schema; the
                message lists what exists.
            RenderError: A template cannot be rendered.
        """
        schema = self._schema(template_name)
        placed = self._placed(template_name, variables, schema) if variables else {}
        sources = self._sources(template_name, placed)
        chosen = self._environment(template_name, sources[0], environment)
        problems = _schema_problems(schema, sources[0].values(chosen).data)
        if problems:
            raise UsageError("; ".join(problems), where=template_name, todo="correct the values or the variables")
        texts = [source.text(chosen).removeprefix("---\n") for source in sources]
        return "---\n" + "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)

    def render_environment(
        self, environment: str | None = None, variables: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dict[str, str]:
        """Every template of an environment, rendered, by name.

        Args:
            variables: Variables by template name, as for :meth:`render_template`.

        Raises:
            UsageError: As :meth:`render_template`; variables for a template that does not exist.
            RenderError: As :meth:`render_template`.
        """
        given = variables or {}
        names = self.list_templates()
        for name in given:
            if name not in names:
                raise self._unknown(name)
        return {name: self.render_template(name, given.get(name), environment) for name in names}

    def objects(
        self, template_name: str, variables: Mapping[str, Any] | None = None, environment: str | None = None
    ) -> list[dict[str, Any]]:
        """The objects of a template, with their secret values.

        Raises:
            UsageError: As :meth:`render_template`.
            RenderError: As :meth:`render_template`, or what was rendered is no YAML.
        """
        found = []
        for document in read_documents(self.render_template(template_name, variables, environment)):
            if isinstance(document, Problem):
                where = f"{template_name}, rendered line {document.line}"
                raise RenderError(document.what, where=where, todo=document.todo)
            found.append(document.value)
        return [value for value in found if isinstance(value, dict)]

    def validate(
        self, template_name: str, variables: Mapping[str, Any] | None = None, environment: str | None = None
    ) -> list[str]:
        """What is wrong with a template and its values, one sentence each; empty if it renders to objects.

        Raises:
            UsageError: There is no such template.
        """
        self._sources(template_name, {})
        try:
            objects = self.objects(template_name, variables, environment)
        except AssayError as problem:
            return [str(problem)]
        return [
            f"{template_name}: a rendered document has no {field}"
            for value in objects
            for field in ("apiVersion", "kind", "metadata")
            if not value.get(field)
        ]

    def _environment(self, template_name: str, source: JinjaTemplate, environment: str | None) -> str:
        chosen = environment or self.environment
        known = sorted(source.environments())
        if environment is not None and chosen not in known:
            raise UsageError(
                f"{template_name} has no environment {chosen!r}",
                where=str(self.folder / template_name),
                todo=f"there are: {', '.join(known) or 'none'}; add {chosen}{OVERRIDES}",
            )
        return chosen

    def _placed(self, template_name: str, variables: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
        """The variables as nested values."""
        placed: dict[str, Any] = {}
        known = self._names(template_name, schema)
        for name, value in variables.items():
            route = known.get(name, None if schema else (name,))
            if route is None:
                routes = set(known.values())
                inside = {route[:length] for route in routes for length in range(1, len(route))}
                listed = ", ".join(sorted(format_route(route) for route in routes - inside))
                raise UsageError(
                    f"{template_name} has no variable {name!r}",
                    todo=f"{nearest(name, known, 'list_variables()')}; there are: {listed}",
                )
            inner = placed
            for step in route[:-1]:
                inner = inner.setdefault(str(step), {})
            inner[str(route[-1])] = value
        return placed

    def _names(self, template_name: str, schema: Mapping[str, Any]) -> dict[str, Route]:
        """Every name that a variable may have, with the route of its value."""
        values = self._sources(template_name, {})[0].values(self.environment).data
        routes = [*(route for route, _ in _leaves(values, inner=True)), *(route for route, _ in _described(schema))]
        found = {str(node["alias"]): route for route, node in _described(schema) if "alias" in node}
        for route in routes:
            for joint in "_.":
                found.setdefault(joint.join(map(str, route)), route)
        return found

    def _schema(self, template_name: str) -> dict[str, Any]:
        file = self.folder / template_name / SCHEMA
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return found

    def _sources(self, template_name: str, variables: Mapping[str, Any]) -> list[JinjaTemplate]:
        files = [path for path in self._files() if self._name(path) == template_name]
        if not files:
            raise self._unknown(template_name)
        paths, given = Paths(self.folder), Given(variables=dict(variables))
        root = template_root(files[0], self.folder)
        return [JinjaTemplate(root, path, paths, "", Masker(), self._renderer, given) for path in files]

    def _unknown(self, template_name: str) -> UsageError:
        known = ", ".join(self.list_templates()) or "none"
        return UsageError(f"there is no template {template_name!r}", where=str(self.folder), todo=f"there are: {known}")

    def _files(self) -> list[Path]:
        return sorted(p for p in self.folder.rglob(f"*{TEMPLATE_SUFFIX}") if not p.name.startswith("_"))

    def _name(self, path: Path) -> str:
        return template_root(path, self.folder).relative_to(self.folder).as_posix()


def _schema_problems(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    from jsonschema import Draft202012Validator

    masker = Masker()
    masker.learn_named(values)
    return sorted(
        f"{format_route(tuple(error.absolute_path)) or 'values'}: {masker.mask(error.message)}"
        for error in Draft202012Validator(schema).iter_errors(values)
    )


def _leaves(values: Mapping[str, Any], route: Route = (), *, inner: bool = False) -> Iterator[tuple[Route, Any]]:
    """Every value that is no map, with its route; with ``inner`` the maps too."""
    for key, value in values.items():
        here = (*route, key)
        if not isinstance(value, dict) or inner:
            yield here, value
        if isinstance(value, dict):
            yield from _leaves(value, here, inner=inner)


def _described(schema: Mapping[str, Any], route: Route = ()) -> Iterator[tuple[Route, Mapping[str, Any]]]:
    """Every property that a schema describes, with its route."""
    for name, node in schema.get("properties", {}).items():
        yield (*route, name), node
        yield from _described(node, (*route, name))
