"""The Jinja environment that templates run in: sandboxed, strict, and the same every time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from jinja2 import BaseLoader, Environment, TemplateNotFound, Undefined
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from assay.rendering import filters
from assay.rendering.limits import Limits

_LARGEST_TEMPLATE = 4 * 1024 * 1024
_LARGEST_EXPONENT = 1024


class RefusedError(Exception):
    """Something that a template may not do. ``todo`` says what to do instead."""

    def __init__(self, what: str, todo: str = "", *, template: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.template = template


class TooBigError(RefusedError):
    """A text or list that is longer than a rendering may hold."""


class RootLoader(BaseLoader):
    """Loads templates from one folder and never from outside it. ``read`` holds their texts in order."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.read: dict[str, str] = {}

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:  # noqa: ARG002
        """The text of a template.

        Raises:
            TemplateNotFound: There is no such file.
            RefusedError: The name leads out of the folder, or the file cannot be used.
        """
        outside = f"templates read nothing outside their root, and {self.shown(template)!r} leads there"
        todo = "copy the file into the template root and name it relative to the root"
        parts = template.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in template or "\0" in template:
            raise RefusedError(outside, todo)
        path = self.root.joinpath(*parts)
        try:
            inside, there = path.resolve().is_relative_to(self.root), path.is_file()
            data = path.read_bytes() if inside and there and path.stat().st_size <= _LARGEST_TEMPLATE else None
            text = None if data is None else data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RefusedError("the template is not valid UTF-8", "save it as UTF-8", template=template) from None
        except (OSError, RuntimeError):
            raise RefusedError("the template cannot be read", "check its permissions", template=template) from None
        if not inside:
            raise RefusedError(outside, todo)
        if not there:
            raise TemplateNotFound(template)
        if text is None:
            raise RefusedError("the template is larger than 4 MB", "split it", template=template)
        self.read[template] = text
        return text, template, None

    def shown(self, name: object) -> str:
        """A name as errors may show it: one that no template writes is made from values, which no error holds."""
        return str(name) if any(str(name) in text for text in self.read.values()) else "…"


class StrictEnvironment(ImmutableSandboxedEnvironment):
    """The environment of the true rendering.

    Args:
        root: The template root.
        limits: How long a text may become.
        values: What the templates are given; only their containers' routes are used, to name what is missing.
    """

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, root: Path, limits: Limits, values: dict[str, Any]) -> None:
        self.root_loader = RootLoader(root)
        self.uses = Uses(values, self.root_loader)
        super().__init__(
            loader=self.root_loader,
            undefined=self.uses.undefined_type(),
            keep_trailing_newline=True,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
            cache_size=400,
        )
        self.limit = limits.characters
        self.concat = self.join  # type: ignore[method-assign]
        self.filters.update(filters.FILTERS)
        self.filters["random"] = _refused("the filter `random`")
        self.globals["lipsum"] = _refused("`lipsum`")
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": filters.json_default}

    def join(self, parts: Iterable[str]) -> str:
        """The pieces of a text as one.

        Raises:
            TooBigError: It is longer than the limit.
        """
        return "".join(self.bounded(parts))

    def bounded(self, parts: Iterable[str]) -> list[str]:
        """The pieces of a text, if they are not too long together.

        Raises:
            TooBigError: They are.
        """
        pieces = []
        length = 0
        for part in parts:
            length += len(part)
            if length > self.limit:
                raise TooBigError(f"the template writes more than {self.limit // 1024 // 1024} MB of text")
            pieces.append(part)
        return pieces

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        """``*`` and ``**`` without results that fill the memory.

        Raises:
            TooBigError: The result would be too big.
        """
        if operator == "*":
            for sized, times in ((left, right), (right, left)):
                if isinstance(sized, (str, list, tuple)) and isinstance(times, int) and len(sized) * times > self.limit:
                    raise TooBigError("a multiplication gives more than a template may hold")
        elif operator == "**" and (not _small(right, _LARGEST_EXPONENT) or not _small(left, 1 << 64)):
            raise TooBigError("a power is larger than a template may hold")
        return self.binop_table[operator](left, right)


def _small(number: Any, limit: int) -> bool:
    return not isinstance(number, int) or abs(number) <= limit


def _refused(what: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_options: Any) -> NoReturn:
        raise RefusedError(f"{what} is not available", "a template must give the same text every time")

    return refuse


class Uses:
    """Where variables are used that are not defined: full name to the ``file:line`` of each use."""

    def __init__(self, values: dict[str, Any], loader: RootLoader) -> None:
        self._values = values
        self._loader = loader
        self._names: dict[int, str] | None = None
        self.found: dict[str, dict[str, None]] = {}

    def record(self, name: str) -> None:
        """Remember a use at the template line that runs now."""
        frame = sys._getframe(1)
        while frame is not None and "__jinja_template__" not in frame.f_globals:
            frame = frame.f_back  # type: ignore[assignment]
        place = "" if frame is None else _place(frame.f_globals["__jinja_template__"], frame.f_lineno)
        self.found.setdefault(name, {})[place] = None

    def name_of(self, parent: Any, name: Any) -> str:
        """The full name of something that a container lacks."""
        if self._names is None:
            self._names = {}
            self._walk(self._values, "")
        above = parent.full_name if isinstance(parent, Undefined) else self._names.get(id(parent), "")
        if isinstance(name, int):
            return f"{above}[{name}]"
        if isinstance(name, Undefined):
            # What is missing is the key; that its container then lacks it says nothing more.
            return str(name.full_name)
        shown = self._loader.shown(name)
        return f"{above}.{shown}" if above else shown

    def _walk(self, value: Any, name: str) -> None:
        assert self._names is not None  # noqa: S101 - set by the only caller
        if isinstance(value, dict):
            self._names[id(value)] = name
            for key, part in value.items():
                self._walk(part, f"{name}.{key}" if name else key)
        elif isinstance(value, list):
            self._names[id(value)] = name
            for index, part in enumerate(value):
                self._walk(part, f"{name}[{index}]")

    def undefined_type(self) -> type[Undefined]:
        """What stands for a missing variable: it may be tested and given a default; any other use is recorded."""
        return type("Missing", (_Missing,), {"uses": self})


class _Missing(Undefined):
    """Goes on as something empty, so that one rendering finds every missing variable."""

    __slots__ = ("full_name",)
    uses: Uses

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        super().__init__(hint, obj, name, exc)
        if exc is SecurityError:
            # Asking for an attribute that the sandbox forbids is wrong at once, even if nobody uses it.
            raise SecurityError(hint)
        self.full_name = str(hint if name is None else name) if obj is missing else self.uses.name_of(obj, name)

    def _used(self, *_args: Any, **_options: Any) -> Any:
        self.uses.record(self.full_name)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(self)(obj=self, name=name)

    def __getitem__(self, key: Any) -> Any:
        return type(self)(obj=self, name=key)

    def __str__(self) -> str:
        self._used()
        return ""

    def __iter__(self) -> Any:
        self._used()
        return iter(())

    def __len__(self) -> int:
        self._used()
        return 0

    def __bool__(self) -> bool:
        self._used()
        return False

    def __eq__(self, other: object) -> bool:
        self._used()
        return False

    def __ne__(self, other: object) -> bool:
        self._used()
        return True

    def __hash__(self) -> int:
        self._used()
        return 0

    def __contains__(self, item: object) -> bool:
        self._used()
        return False

    def __int__(self) -> int:  # type: ignore[override]
        self._used()
        return 0

    def __float__(self) -> float:  # type: ignore[override]
        self._used()
        return 0.0

    def __lt__(self, other: object) -> bool:  # type: ignore[override]
        self._used()
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _used
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __call__ = _used


def chain(traceback: TracebackType | None) -> list[tuple[str, str]]:
    """The way through templates to an error, the outermost first: what runs (``root``, ``macro``) and ``file:line``."""
    steps = []
    while traceback is not None:
        frame = traceback.tb_frame
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            steps.append((frame.f_code.co_name, _place(template, traceback.tb_lineno)))
        traceback = traceback.tb_next
    return steps


def _place(template: Template, line: int) -> str:
    return f"{template.name}:{template.get_corresponding_lineno(line)}"
