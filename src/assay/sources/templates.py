"""Jinja templates with values for each environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.documents import Locator, Span, read_documents
from assay.errors import AssayError
from assay.model.objects import Unread
from assay.model.origin import Origin, Place, Role, Route
from assay.redact import Masker
from assay.sources.interface import Batch, Source
from assay.sources.manifests import batch_of
from assay.sources.paths import Paths

if TYPE_CHECKING:
    from assay.rendering.jinja import Marks, Renderer
    from assay.rendering.values import Setting, Values

BASE_VALUES = "values.yaml"
OVERRIDES = "_overrides.yaml"


@dataclass(frozen=True, slots=True)
class Extra:
    """What an environment of the project file adds to the values of every template.

    ``files`` come after the overrides; ``settings`` is its ``set:`` and ``variables`` names environment variables.
    """

    files: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    settings_file: Path | None = None
    settings_route: Route = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller adds for one run: ``--values``, ``--set`` and ``variables=``; ``extra`` is by environment."""

    files: tuple[Path, ...] = ()
    assignments: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Extra] = field(default_factory=dict)


class JinjaTemplate(Source):
    """One template of a template root: the folder that its includes and its values come from.

    Args:
        root: The template root.
        path: The template.
        namespace: Where objects without a namespace belong.
    """

    def __init__(
        self, root: Path, path: Path, paths: Paths, namespace: str, masker: Masker, renderer: Renderer, given: Given
    ) -> None:
        self.name = paths.name(path)
        self._root = root
        self._template = path.relative_to(root).as_posix()
        self._paths = paths
        self._namespace = namespace
        self._masker = masker
        self._renderer = renderer
        self._given = given
        self._inputs = {self.name}

    def environments(self) -> frozenset[str]:
        """The environments that have an override file in the template root."""
        return frozenset(path.name.removesuffix(OVERRIDES) for path in self._root.glob(f"*{OVERRIDES}"))

    def inputs(self) -> frozenset[str]:
        """The template, what it includes, and the values files."""
        return frozenset(self._inputs)

    def renderers(self) -> dict[str, str]:
        """Jinja with its version."""
        from importlib.metadata import version

        return {"jinja2": version("jinja2")}

    def read(self, environment: str) -> Batch:
        """Render the template for an environment and read what it gives."""
        try:
            text, values = self.render(environment)
        except AssayError as problem:
            return Batch(unread=[self._unread(problem)])
        rendering = _Rendering(self, text, values)

        def origin(index: int, route: Route) -> Origin:
            return _RenderedOrigin(rendering, index, route)

        return batch_of(read_documents(text), origin, self.name, self._namespace, self._masker, quiet=False)

    def text(self, environment: str) -> str:
        """The rendered text."""
        return self.render(environment)[0]

    def render(self, environment: str) -> tuple[str, Values]:
        """The rendered text of an environment, and the values that it was rendered with.

        Raises:
            AssayError: A values file or the template is wrong; nothing of it can be judged.
        """
        values = self.values(environment)
        for layer in values.layers():
            self._masker.learn_named(layer)
        rendered = self._renderer.render(self._root, self._template, values.data)
        self._inputs.update(self._paths.name(self._root / file) for file in rendered.files)
        return rendered.text, values

    def marks(self, text: str, values: Values) -> Marks:
        """Who wrote what of a rendered text."""
        return self._renderer.mark(self._root, self._template, values.data, text)

    def display(self, file: str) -> str:
        """The display name of a file of the template root."""
        return self._paths.name(self._root / file)

    def values(self, environment: str) -> Values:
        """The values of an environment, layer upon layer.

        Raises:
            AssayError: A values file or an argument is wrong.
        """
        from assay.rendering.values import ConfigSet, EnvVars, SetArgs, ValuesFile, Variables, load_values

        extra = self._given.extra.get(environment, Extra())
        files = [path for path in (self._root / BASE_VALUES, self._root / f"{environment}{OVERRIDES}") if path.exists()]
        files += [*extra.files, *self._given.files]
        self._inputs.update(self._paths.name(path) for path in files)
        layers: list[Any] = [
            ValuesFile(path, self._paths.name(path), "values" if path.name == BASE_VALUES else "override")
            for path in files
        ]
        if extra.settings and extra.settings_file:
            file = extra.settings_file
            layers.append(ConfigSet(file, self._paths.name(file), extra.settings_route, extra.settings))
        layers.append(EnvVars(extra.variables))
        layers.append(SetArgs(self._given.assignments))
        layers.append(Variables(dict(self._given.variables)))
        return load_values(layers)

    def _unread(self, problem: AssayError) -> Unread:
        """What could not be rendered, with its place if the error names a file and a line."""
        file, _, rest = problem.where.partition(":")
        line = rest.partition(":")[0]
        if not file:
            return Unread(self.name, problem.what, todo=problem.todo)
        known = file if (self._paths.path(file)).exists() else self.display(file)
        number = int(line) if line.isdecimal() else 1
        place = Place(known, number, 1, number, 2, Role.TEMPLATE)
        return Unread(self.name, problem.what, place, todo=problem.todo)


class _Rendering:
    """One rendered text; its marks are only made when somebody asks for a place."""

    def __init__(self, template: JinjaTemplate, text: str, values: Values) -> None:
        self.template = template
        self.text = text
        self.values = values
        self.locator = Locator(text)
        self._marks: Marks | AssayError | None = None

    def marks(self) -> Marks | None:
        """The marks; None if the marked rendering failed, which makes every place approximate."""
        if self._marks is None:
            try:
                self._marks = self.template.marks(self.text, self.values)
            except AssayError as problem:
                self._marks = problem
        return None if isinstance(self._marks, AssayError) else self._marks


class _RenderedOrigin:
    """Places in the template and in the values behind it."""

    __slots__ = ("_base", "_document", "_rendering")

    def __init__(self, rendering: _Rendering, document: int, base: Route) -> None:
        self._rendering = rendering
        self._document = document
        self._base = base

    def places(self, route: Route) -> tuple[Place, ...]:
        """The value that set it last if a variable wrote it, then the template's line, then older values."""
        span = self._rendering.locator.locate(self._document, (*self._base, *route))
        marks = self._rendering.marks()
        if marks is None:
            return (Place(self._rendering.template.name, 1, 1, 1, 2, Role.APPROXIMATE),)
        trace = marks.at(*_extent(span))
        role = Role.DEFAULT if trace.default else Role.TEMPLATE
        file = self._rendering.template.display(trace.file)
        written = Place(
            file, trace.line, trace.column, trace.end_line, trace.end_column, role if trace.exact else Role.APPROXIMATE
        )
        if not span.exists or not trace.exact or trace.default:
            return (written,)
        settings = [s for variable in trace.variables for s in self._chain(variable)]
        values = [place for place in settings if place.role is Role.VALUE]
        others = [place for place in settings if place.role is not Role.VALUE]
        return tuple(dict.fromkeys((*values[:1], written, *values[1:], *others)))

    def _chain(self, variable: Route) -> list[Place]:
        """Who set a variable: the last one is the value, or an argument; older ones were overridden."""
        chain = self._rendering.values.chain(variable)
        return [_setting_place(setting, last=index == 0) for index, setting in enumerate(chain)]


def _extent(span: Span) -> tuple[int, int, int, int]:
    """The part of a span that one author wrote: a scalar itself, of anything longer the key."""
    if span.key and (not span.exists or span.end_line > span.line):
        return span.key
    return span.line, span.column, span.end_line, span.end_column


def _setting_place(setting: Setting, *, last: bool) -> Place:
    if not setting.file:
        return Place("", 0, 0, 0, 0, Role.ARGUMENT, note=setting.label)
    role = Role.VALUE if last else Role.OVERRIDE_CHAIN
    return Place(setting.file, setting.line, setting.column, setting.end_line, setting.end_column, role)


class NotRendered(Source):
    """A chart or an overlay: known, not yet rendered, so that everything in it is not assessed."""

    def __init__(self, name: str, what: str) -> None:
        self.name = name
        self._what = what

    def read(self, environment: str) -> Batch:  # noqa: ARG002 - the same in every world
        """Nothing but the reason."""
        reason = f"{self._what} cannot be rendered by this version"
        return Batch(unread=[Unread(self.name, reason, todo="scan the output of its own renderer, or exclude it")])


def template_root(path: Path, top: Path) -> Path:
    """The template root of a template: the nearest folder up to ``top`` that holds values, else its own folder."""
    folder = path.parent
    while True:
        if (folder / BASE_VALUES).is_file() or any(folder.glob(f"*{OVERRIDES}")):
            return folder
        if folder in (top, folder.parent):
            return path.parent
        folder = folder.parent
