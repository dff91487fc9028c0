"""Builds what a scan is made of from options and project file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError
from assay.project import Project, SourceEntry, find_project, load_project
from assay.redact import Masker
from assay.shipped import shipped
from assay.sources.discover import Found, discover
from assay.sources.interface import Source
from assay.sources.manifests import ManifestFile, ReadAhead
from assay.sources.paths import Paths

if TYPE_CHECKING:
    from assay.engine.load import Library
    from assay.model.waivers import Waiver
    from assay.rendering.jinja import Renderer

DEFAULT_WORLD = "default"


@dataclass(slots=True)
class Wiring:
    """The parts that commands share: the project, how files are called, what is secret, the renderer."""

    project: Project
    paths: Paths
    masker: Masker
    values: tuple[Path, ...] = ()
    assignments: tuple[str, ...] = ()
    _renderer: Renderer | None = field(default=None)
    _ahead: ReadAhead | None = field(default=None)

    def library(self) -> Library:
        """The shipped policies and those of the project.

        Raises:
            PolicyError: A policy of the project is wrong.
        """
        from assay.engine.load import load_library  # the engine is loaded while another process reads

        return load_library(shipped("policies"), self.project.policies)

    def waivers(self, library: Library) -> tuple[Waiver, ...]:
        """The waivers beside the project file, or in the working directory where there is none.

        Raises:
            UsageError: The file is wrong.
        """
        path = (self.project.file.parent if self.project.file else Path.cwd()) / "assay-waivers.yaml"
        if not path.is_file():
            return ()
        from assay.waivers import load_waivers

        return load_waivers(path, self.paths.name(path), library)

    def sources(self, named: Sequence[Path]) -> list[Source]:
        """What to read: the paths that were named, else the sources of the project, else the working directory.

        Raises:
            UsageError: A path does not exist.
        """
        entries: Iterable[SourceEntry] = [SourceEntry(path) for path in named]
        if not named:
            entries = self.project.sources or [SourceEntry(Path())]
        found: list[Source] = []
        for entry in entries:
            items = discover([entry.path], self.paths, self.project.exclude)
            for item in items:
                source = self._source(item, entry.namespace)
                source.asked = self.paths.name(entry.path) if named else ""
                found.append(source)
        return found

    def begin_reading(self, sources: Iterable[Source]) -> None:
        """Begin to read the plain manifests among sources that are about to be scanned, beside what comes next."""
        self._ahead = ReadAhead([source for source in sources if isinstance(source, ManifestFile)], self.masker)

    def finish_reading(self, facts: Iterable[str] = ()) -> None:
        """Read what is not read yet of the manifests that were begun.

        Args:
            facts: Will be asked for, and are imported first while another process reads.
        """
        if self._ahead is not None:
            if self._ahead.shared:
                from assay.facts import load

                load(facts)
            self._ahead.finish()
            self._ahead = None

    def _source(self, item: Found, namespace: str) -> Source:
        name = self.paths.name(item.path)
        if item.kind == "manifest":
            return ManifestFile(item.path, name, namespace, self.masker, named=item.named)
        from assay.sources.templates import JinjaTemplate, NotRendered, template_root

        if item.kind == "template":
            root = template_root(item.path, item.top)
            return JinjaTemplate(root, item.path, self.paths, namespace, self.masker, self.renderer(), self._given())
        return NotRendered(name, "a Helm chart" if item.kind == "chart" else "a Kustomize overlay")

    def renderer(self) -> Renderer:
        """The one renderer of a run; its process starts with the first template."""
        if self._renderer is None:
            from assay.rendering.jinja import Limits, Renderer

            wanted = self.project.limits
            default = Limits()
            self._renderer = Renderer(
                Limits(
                    seconds=float(wanted.get("seconds", default.seconds)),
                    memory_mb=int(wanted.get("memory", default.memory_mb)),
                    output_mb=int(wanted.get("output", default.output_mb)),
                )
            )
        return self._renderer

    def close(self) -> None:
        """End the processes that were begun: the renderer's and the one that reads ahead."""
        if self._ahead is not None:
            self._ahead.close()
        if self._renderer is not None:
            self._renderer.close()

    def _given(self) -> Any:
        from assay.sources.templates import Extra, Given

        extra = {
            name: Extra(
                files=environment.values,
                settings=environment.settings,
                settings_file=self.project.file,
                settings_route=("environments", name, "set"),
                variables=environment.variables,
            )
            for name, environment in self.project.environments.items()
        }
        return Given(self.values, self.assignments, {}, extra)

    def environments(self, wanted: Sequence[str], sources: Sequence[Source]) -> tuple[str, ...]:
        """The worlds to judge: those that were asked for, else all that the project or the sources know.

        Raises:
            UsageError: An environment that nobody knows.
        """
        known = list(self.project.environments)
        known += sorted(set().union(*(source.environments() for source in sources)) - set(known))
        for name in wanted:
            if name not in known:
                from assay.engine.load import nearest

                raise UsageError(
                    f"there is no environment {name!r}",
                    todo=nearest(name, known, "assay init") if known else "no source has override files",
                )
        return tuple(dict.fromkeys(wanted)) or tuple(known) or (DEFAULT_WORLD,)


def wire(config: Path | None, values: Sequence[Path] = (), assignments: Sequence[str] = ()) -> Wiring:
    """Read the project file and make the shared parts.

    Raises:
        UsageError: The project file is wrong.
    """
    base = Path.cwd()
    project = load_project(config or find_project(base))
    masker = Masker(project.secret_names, project.secret_values)
    for environment in project.environments.values():
        masker.learn_named(environment.settings)
    return Wiring(project, Paths(base), masker, tuple(values), tuple(assignments))
