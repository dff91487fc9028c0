"""The only module that imports the CEL runtime.

Seen with cel-expr-python 0.1.3: an evaluation error is returned as a value of type ERROR whose plain form is a
text, and an empty optional cannot be turned into a Python value. Both become :class:`Failed` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assay import __version__
from assay.engine.kept import Expressions, digest
from assay.engine.parts import merged, program_of, split, with_parts
from assay.engine.reads import bare, only, reads, same

if TYPE_CHECKING:
    from assay.engine.kept import New
    from assay.engine.parts import Tree
    from assay.engine.reads import Read

_OF_OBJECT = frozenset({"object", "pod", "podMetadata", "now", "facts"})
VARIABLES = ("object", "pod", "podMetadata", "params", "facts", "containerType", "key", "now")


class Failed(NamedTuple):
    """What an expression gave instead of a value."""

    reason: str


_UNKNOWN = object()

_MOST_GIVEN = 500
"""How many answers of a part are remembered, so that memory does not grow with the size of a cluster."""


class Activation:
    """What expressions see of one item, and what they gave for it."""

    __slots__ = ("known", "known_of_object", "variables")

    def __init__(self, variables: Mapping[str, Any], known_of_object: dict[str, Any] | None = None) -> None:
        self.variables = variables
        self.known: dict[str, Any] = {}
        """What parts of expressions gave for this item."""
        self.known_of_object = {} if known_of_object is None else known_of_object
        """What those gave that read nothing of an item: the same dict for every item of one object."""


Program = Callable[[Activation], Any]


class CompileError(ValueError):
    """An expression that is no CEL, or that names something unknown."""


class Runtime:
    """Compiles each expression once and evaluates it against any number of activations.

    Args:
        items: The names that rules give to the items they judge.
        shared: What expressions are written with beside the runtime's own, so that kept ones fit.
    """

    def __init__(self, items: Iterable[str] = (), shared: object = "") -> None:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_math, ext_optional, ext_strings

        from assay.engine.functions import FUNCTIONS

        self._variables = frozenset((*VARIABLES, "container", *items))
        self._env = cel.NewEnv(
            variables=dict.fromkeys(self._variables, cel.Type.DYN),
            extensions=[
                ext_math.ExtMath(),
                ext_optional.ExtOptional(),
                ext_strings.ExtStrings(),
                cel.CelExtension("assay", [_declare(cel, *entry) for entry in FUNCTIONS]),
            ],
        )
        self._checked: set[str] = set()
        self._compiled: dict[str, tuple[bytes, list[Read]]] = {}
        self._programs: dict[str, Program] = {}
        self._error = cel.Type.ERROR
        made_by = Path(cel.__file__).stat()
        signatures = [entry[:4] for entry in FUNCTIONS]
        self._kept = Expressions(
            digest(__version__, made_by.st_size, made_by.st_mtime_ns, VARIABLES, signatures, shared)
        )

    def load(self) -> None:
        """Read what is kept from earlier runs now, and not when it is first asked for."""
        self._kept.load()

    def compile(self, expression: str) -> None:
        """Check that an expression compiles.

        Raises:
            CompileError: With the compiler's message.
        """
        if expression not in self._checked:
            try:
                self._env.compile(expression)
            except RuntimeError as problem:
                raise CompileError(_plain(str(problem))) from None
            self._checked.add(expression)

    def program(self, expression: str) -> Program:
        """An expression that can be evaluated; what cannot be compiled fails each time.

        The program gives Python data, or :class:`Failed`.
        """
        try:
            return program_of(self._parts_of(expression), self._part, _no_boolean)
        except CompileError as problem:
            failed = Failed(str(problem))
            return lambda _activation: failed

    def kept_program(self, key: str, expression: Callable[[], str]) -> Program:
        """The same for an expression that is kept compiled between runs; ``expression`` is asked if it is not.

        Raises:
            CompileError: With the compiler's message.
        """
        tree = self._kept.tree(key, lambda: self._parts_of(expression()))
        try:
            return program_of(tree, self._part, _no_boolean)
        except KeyError:  # a part is not kept any more
            return program_of(self._parts_of(expression()), self._part, _no_boolean)

    def compiled(self) -> New:
        """What had to be compiled because it was not kept."""
        return self._kept.new

    def keep(self, made: Iterable[New]) -> None:
        """Keep what was compiled, here and elsewhere, for the next run."""
        self._kept.save(made)

    def _parts_of(self, expression: str) -> Tree:
        """The tree of an expression, its parts by name, each kept."""
        self.compile(expression)

        def like(text: str) -> set[tuple[str, ...]]:
            return {path[:2] for path, _ in self._compiled_part(text)[1]}

        tree = merged(split(expression), lambda one, other: like(other) <= like(one))

        def named(text: str) -> str:
            name = digest(text)
            self._kept.part(name, lambda: (text, *self._compiled_part(text)))
            return name

        return with_parts(tree, named)

    def serialized(self, expression: str) -> bytes:
        """An expression in its compiled form, as :func:`assay.engine.reads.reads` takes it.

        Raises:
            RuntimeError: It is no CEL.
        """
        return self._compiled_part(expression)[0]

    def _compiled_part(self, text: str) -> tuple[bytes, list[Read]]:
        """A part compiled, and what it reads.

        It has none of the types that the check found: everything is dynamic here, and so it is read back, prepared and
        evaluated in half the time.
        """
        known = self._compiled.get(text)
        if known is None:
            serialized = self._env.compile(text, disable_check=True).serialize()
            known = self._compiled[text] = bare(serialized), reads(serialized, self._variables)
        return known

    def _part(self, name: str) -> Program:
        """What evaluates a part: once for all items that are the same to it."""
        found = self._programs.get(name)
        if found is None:
            found = self._programs[name] = self._new_part(name)
        return found

    def _new_part(self, name: str) -> Program:
        text, serialized, read = self._kept.part(name)
        error, activate = self._error, self._env.Activation
        evaluate: Any = None
        given: dict[bytes, Any] = {}
        of_object = {path[0] for path, _ in read} <= _OF_OBJECT

        def run(activation: Activation) -> Any:
            known = activation.known_of_object if of_object else activation.known
            value = known.get(name, _UNKNOWN)
            if value is not _UNKNOWN:
                return value
            key = same(activation.variables, read)
            value = given.get(key, _UNKNOWN) if key else _UNKNOWN
            if value is _UNKNOWN:
                value = once(activation)
                if key:
                    if len(given) >= _MOST_GIVEN:
                        given.clear()
                    given[key] = value
            known[name] = value
            return value

        def once(activation: Activation) -> Any:
            nonlocal evaluate
            if evaluate is None:
                evaluate = self._evaluator(text, serialized)
            try:
                value = evaluate(activate(only(activation.variables, read)))
                plain = value.plain_value()
            except (RuntimeError, TypeError, ValueError) as problem:
                return Failed(_plain(str(problem).partition("\n")[0]))
            if plain is True or plain is False:
                return plain
            return Failed(_plain(str(plain))) if value.type() == error else plain

        return run

    def _evaluator(self, text: str, serialized: bytes) -> Any:
        try:
            return self._env.deserialize(serialized).eval
        except (RuntimeError, TypeError, ValueError):
            return self._env.compile(text, disable_check=True).eval

    def evaluate(self, expression: str, activation: Activation) -> Any:
        """The value of an expression as Python data, or :class:`Failed`."""
        return self.program(expression)(activation)


def _no_boolean(value: Any) -> Failed:
    """What an operator that wants booleans makes of another value."""
    return value if isinstance(value, Failed) else Failed(f"no such overload: {type(value).__name__} is no boolean")


def _declare(module: Any, name: str, result: str, parameters: tuple[str, ...], is_member: bool, body: Any) -> Any:
    types = module.Type
    overload = module.Overload(
        f"{name.replace('.', '_')}_{'_'.join(parameters)}",
        getattr(types, result),
        [getattr(types, parameter) for parameter in parameters],
        is_member=is_member,
        impl=body,
    )
    return module.FunctionDecl(name, [overload])


def _plain(text: str) -> str:
    """The runtime's message without its status word."""
    head, colon, rest = text.partition(": ")
    message = rest if colon and head.isupper() else text
    return message.removeprefix("ERROR: ").removesuffix(" [INVALID_ARGUMENT]")
