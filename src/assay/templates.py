"""The shipped templates, or a folder of your own, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from assay.documents import Document, Problem, read_documents
from assay.errors import RenderError, UsageError
from assay.redact import Masker
from assay.rendering.jinja import Renderer
from assay.shipped import shipped
from assay.sources.discover import TEMPLATE_SUFFIX
from assay.sources.paths import Paths
from assay.sources.templates import Given, JinjaTemplate, template_root


class ProductionConfigManager:
    """Renders templates with the values of an environment, exactly as ``assay render`` does.

    Args:
        folder: Where the templates are; the shipped ones if left out.
        environment: Whose ``<environment>_overrides.yaml`` counts.

    Example:
        >>> with ProductionConfigManager() as manager:
        ...     text = manager.render("security_hardening", variables={"domain": "example.com"})
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

    def templates(self) -> list[str]:
        """The names of the stacks: the folders that hold templates."""
        return sorted({self._stack(path) for path in self._files()})

    def render(self, stack: str, variables: Mapping[str, Any] | None = None) -> str:
        """What ``kubectl apply -f -`` would get of a stack.

        Args:
            stack: One of :meth:`templates`.
            variables: Values over all files and arguments.

        Raises:
            UsageError: There is no such stack, or a values file is wrong.
            RenderError: A template cannot be rendered.
        """
        files = [path for path in self._files() if self._stack(path) == stack]
        if not files:
            known = ", ".join(self.templates()) or "none"
            raise UsageError(f"there is no template {stack!r}", where=str(self.folder), todo=f"there are: {known}")
        given = Given(variables=dict(variables or {}))
        paths = Paths(self.folder)
        texts = []
        for path in files:
            root = template_root(path, self.folder)
            source = JinjaTemplate(root, path, paths, "", Masker(), self._renderer, given)
            texts.append(source.text(self.environment).removeprefix("---\n"))
        return "---\n" + "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)

    def objects(self, stack: str, variables: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The objects of a stack, with their secret values.

        Raises:
            UsageError: As :meth:`render`.
            RenderError: As :meth:`render`, or what was rendered is no YAML.
        """
        found = []
        for document in read_documents(self.render(stack, variables)):
            if isinstance(document, Problem):
                raise RenderError(document.what, where=f"{stack}, rendered line {document.line}", todo=document.todo)
            found.append(document)
        return [document.value for document in found if _holds_something(document)]

    def _files(self) -> list[Path]:
        return sorted(p for p in self.folder.rglob(f"*{TEMPLATE_SUFFIX}") if not p.name.startswith("_"))

    def _stack(self, path: Path) -> str:
        return template_root(path, self.folder).relative_to(self.folder).as_posix()


def _holds_something(document: Document) -> bool:
    return isinstance(document.value, dict)
