from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.rendering.jinja import Limits, Marks, Rendered, Renderer


class Folder:
    """A template root with a renderer."""

    def __init__(self, root: Path, renderer: Renderer) -> None:
        self.root = root
        self.renderer = renderer

    def write(self, **files: str) -> None:
        """Write templates; the name of ``page`` is ``page.j2``."""
        for name, text in files.items():
            (self.root / f"{name}.j2").write_text(text, encoding="utf-8", newline="")

    def render(self, source: str, values: dict[str, Any] | None = None) -> str:
        return self.rendered(source, values).text

    def rendered(self, source: str, values: dict[str, Any] | None = None) -> Rendered:
        self.write(page=source)
        return self.renderer.render(self.root, "page.j2", values or {})

    def marked(self, source: str, values: dict[str, Any] | None = None) -> tuple[str, Marks]:
        text = self.render(source, values)
        return text, self.renderer.mark(self.root, "page.j2", values or {}, text)


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer(Limits(seconds=5)) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, renderer: Renderer) -> Folder:
    return Folder(tmp_path, renderer)
