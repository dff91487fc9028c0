"""The values of a template: layers that are merged, and who set what.

Later layers win. Maps merge, lists replace, and ``null`` deletes what earlier layers set; only in ``values.yaml``
itself, which has no earlier layer, ``null`` is a value.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assay.documents import Document, Locator, Problem, read_documents, read_file
from assay.errors import RenderError, UsageError
from assay.model.origin import Route, format_route

Origin = Literal["values", "override", "set-file", "environment", "argument"]

_NOWHERE = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a route of the values.

    ``file`` is a display path, ``""`` for what no file holds; lines and columns then are 0, else they count from 1
    and ``end_column`` is the first column after it. ``label`` says it to a person and never holds the value.
    """

    route: Route
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    origin: Origin
    label: str


class Layer(ABC):
    """Something that sets values."""

    origin: Origin

    @abstractmethod
    def load(self) -> list[_Loaded]:
        """What it sets, in order.

        Raises:
            RenderError: A file is wrong.
            UsageError: An argument is wrong.
        """


@dataclass(frozen=True, slots=True)
class ValuesFile(Layer):
    """A YAML file with one map: ``values.yaml``, ``<environment>_overrides.yaml`` or one that an option names."""

    path: Path
    display: str
    origin: Origin = "values"

    def load(self) -> list[_Loaded]:
        """See :meth:`Layer.load`; an empty file sets nothing."""
        text, documents = read_file(self.path)
        if not documents:
            return []
        read: list[Document] = []
        for part in documents:
            if isinstance(part, Problem):
                raise RenderError(part.what, where=f"{self.display}:{part.line}:{part.column}", todo=part.todo)
            read.append(part)
        first = read[0]
        locator = Locator(text)
        if len(read) > 1:
            span = locator.locate(read[1].index, ())
            raise RenderError(
                "a values file holds one document and this one holds more",
                where=f"{self.display}:{span.line}",
                todo="move the second document to a file of its own",
            )
        if first.value is None:
            return []
        if not isinstance(first.value, dict):
            line = locator.locate(first.index, ()).line
            todo = "write `name: value` lines"
            raise RenderError(
                "a values file holds a map of names and values", where=f"{self.display}:{line}", todo=todo
            )
        return [_Loaded(first.value, self, _Written(self.display, locator, first.index))]


@dataclass(frozen=True, slots=True)
class ConfigSet(Layer):
    """The ``set:`` of an environment in the project file; ``route`` leads to it."""

    path: Path
    display: str
    route: Route
    data: Mapping[str, Any]
    origin: Origin = "set-file"

    def load(self) -> list[_Loaded]:
        """See :meth:`Layer.load`."""
        return [_Loaded(dict(self.data), self, _Written(self.display, Locator(read_file(self.path)[0]), 0, self.route))]


@dataclass(frozen=True, slots=True)
class EnvVars(Layer):
    """Environment variables by name: ``CLUSTER_ID`` sets ``cluster_id``, always a string.

    A variable that is not set sets nothing; the template says so if it needs it.
    """

    names: tuple[str, ...]
    environ: Mapping[str, str] | None = None
    origin: Origin = "environment"

    def load(self) -> list[_Loaded]:
        """See :meth:`Layer.load`."""
        environ = os.environ if self.environ is None else self.environ
        return [
            _Loaded({name.lower(): environ[name]}, self, None, f"environment variable {name}")
            for name in self.names
            if name in environ
        ]


@dataclass(frozen=True, slots=True)
class SetArgs(Layer):
    """``--set`` arguments, each ``a.b=value`` with the value read as YAML."""

    assignments: tuple[str, ...]
    origin: Origin = "argument"

    def load(self) -> list[_Loaded]:
        """See :meth:`Layer.load`."""
        return [self._one(assignment) for assignment in self.assignments]

    def _one(self, assignment: str) -> _Loaded:
        name, equals, text = assignment.partition("=")
        steps = name.split(".")
        if not equals or not all(steps):
            shown = name if equals or not name else name.split(".")[0]
            raise UsageError(f"--set {shown}… is no assignment", todo="write it as --set name.part=value")
        documents = list(read_documents(text))
        first = documents[0] if documents else Document(None, 0)
        if isinstance(first, Problem) or len(documents) > 1:
            what = first.what if isinstance(first, Problem) else "it holds more than one document"
            raise UsageError(f"the value of --set {name} is no YAML: {what}", todo="put the value in quotes")
        value: Any = first.value
        for step in reversed(steps):
            value = {step: value}
        return _Loaded(value, self, None, f"--set {name}=…")


@dataclass(frozen=True, slots=True)
class Variables(Layer):
    """``variables=`` of the Python interface: anything that JSON can hold."""

    data: Mapping[str, Any]
    origin: Origin = "argument"

    def load(self) -> list[_Loaded]:
        """See :meth:`Layer.load`."""
        loaded = []
        for name, value in self.data.items():
            try:
                plain = json.loads(json.dumps(value))
            except (TypeError, ValueError, RecursionError):
                what = f"variables[{name!r}] holds something that is no string, number, boolean, list, dict or None"
                raise UsageError(what, todo="convert it first") from None
            loaded.append(_Loaded({name: plain}, self, None, f"variables[{name!r}]"))
        return loaded


@dataclass(frozen=True, slots=True)
class _Written:
    """Where a layer is written."""

    display: str
    locator: Locator
    document: int
    base: Route = ()

    def place(self, route: Route) -> tuple[int, int, int, int]:
        """The value if it stands on one line, else its key."""
        span = self.locator.locate(self.document, (*self.base, *route))
        if span.key and (span.end_line > span.line or (span.line, span.column) == (span.end_line, span.end_column)):
            return span.key
        return span.line, span.column, span.end_line, span.end_column


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A layer, read."""

    data: dict[str, Any]
    layer: Layer
    written: _Written | None
    label: str = ""

    def setting(self, route: Route) -> Setting | None:
        """How this layer sets a route, or the parent of it that is no map and so replaces it; None if it does not."""
        value: Any = self.data
        length = 0
        for step in route:
            if isinstance(value, dict):
                if step not in value:
                    return None
                value = value[step]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                break
            length += 1
        set_route = route[:length]
        place = self.written.place(set_route) if self.written else _NOWHERE
        file = self.written.display if self.written else ""
        label = self.label or f"{format_route(set_route)} in {file}"
        return Setting(set_route, file, *place, self.layer.origin, label)


@dataclass(frozen=True, slots=True)
class Values:
    """Merged values; do not change ``data``."""

    data: dict[str, Any]
    _layers: tuple[_Loaded, ...] = field(default=(), repr=False)

    def layers(self) -> tuple[dict[str, Any], ...]:
        """What each layer holds, the overridden values too; do not change them."""
        return tuple(loaded.data for loaded in self._layers)

    def chain(self, route: Route) -> tuple[Setting, ...]:
        """Who set a route, the last one first.

        A list, a scalar or a ``null`` that replaced a parent of the route counts as setting it.
        """
        if not route:
            return ()
        found = (loaded.setting(route) for loaded in reversed(self._layers))
        return tuple(setting for setting in found if setting is not None)


def load_values(layers: Sequence[Layer]) -> Values:
    """Merge layers, the first one being the weakest.

    Raises:
        RenderError: A values file is wrong, with ``file:line:column``.
        UsageError: An argument is wrong.
    """
    loaded = [part for layer in layers for part in layer.load()]
    data: dict[str, Any] = {}
    for part in loaded:
        _merge(data, part.data, keep_null=part.layer.origin == "values")
    return Values(data, tuple(loaded))


def _merge(into: dict[str, Any], layer: Mapping[str, Any], *, keep_null: bool) -> None:
    for key, value in layer.items():
        if value is None and not keep_null:
            into.pop(key, None)
        elif isinstance(value, dict):
            # A new map for each layer: what the layers themselves hold must stay as it is for the chain.
            below = into.get(key)
            into[key] = dict(below) if isinstance(below, dict) else {}
            _merge(into[key], value, keep_null=keep_null)
        else:
            into[key] = value
