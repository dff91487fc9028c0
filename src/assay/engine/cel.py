"""The only module that imports the CEL runtime.

Seen with cel-expr-python 0.1.3: an evaluation error is returned as a value of type ERROR whose plain form is a
text, and an empty optional cannot be turned into a Python value. Both become :class:`Failed` here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import __version__
from assay.engine.kept import Expressions, digest

if TYPE_CHECKING:
    from cel_expr_python import cel

VARIABLES = ("object", "pod", "podMetadata", "params", "facts", "containerType", "key", "now")


@dataclass(frozen=True, slots=True)
class Failed:
    """What an expression gave instead of a value."""

    reason: str


Program = Callable[[Any], Any]


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

        self._env = cel.NewEnv(
            variables=dict.fromkeys((*VARIABLES, "container", *items), cel.Type.DYN),
            extensions=[
                ext_math.ExtMath(),
                ext_optional.ExtOptional(),
                ext_strings.ExtStrings(),
                cel.CelExtension("assay", [_declare(cel, *entry) for entry in FUNCTIONS]),
            ],
        )
        self._compiled: dict[str, Any] = {}
        self._error = cel.Type.ERROR
        made_by = Path(cel.__file__).stat()
        signatures = [entry[:4] for entry in FUNCTIONS]
        self._kept = Expressions(
            digest(__version__, made_by.st_size, made_by.st_mtime_ns, VARIABLES, signatures, shared)
        )

    def compile(self, expression: str) -> Any:
        """Check an expression and compile it, or give the one compiled before.

        What is evaluated is the form without the types that the check found: everything is dynamic here, and it is
        read back, prepared and evaluated in half the time.

        Raises:
            CompileError: With the compiler's message.
        """
        known = self._compiled.get(expression)
        if known is None:
            try:
                self._env.compile(expression)
                known = self._env.compile(expression, disable_check=True)
            except RuntimeError as problem:
                raise CompileError(_plain(str(problem))) from None
            self._compiled[expression] = known
        return known

    def activation(self, variables: Mapping[str, Any]) -> cel.Activation:
        """What expressions see; values are converted when they are read."""
        return self._env.Activation(dict(variables))

    def program(self, expression: str) -> Program:
        """An expression that can be evaluated; what cannot be compiled fails each time.

        The program gives Python data, or :class:`Failed`.
        """
        try:
            return self._program(self.compile(expression))
        except CompileError as problem:
            failed = Failed(str(problem))
            return lambda _activation: failed

    def kept_program(self, key: str, expression: Callable[[], str]) -> Program:
        """The same for an expression that is kept compiled between runs; ``expression`` is asked if it is not.

        Raises:
            CompileError: With the compiler's message.
        """
        serialized = self._kept.get(key, lambda: self.compile(expression()).serialize())
        try:
            return self._program(self._env.deserialize(serialized))
        except (RuntimeError, TypeError, ValueError):
            return self._program(self.compile(expression()))

    def compiled(self) -> dict[str, str]:
        """What had to be compiled because it was not kept."""
        return self._kept.new

    def keep(self, made: Iterable[Mapping[str, str]]) -> None:
        """Keep what was compiled, here and elsewhere, for the next run."""
        self._kept.save(made)

    def _program(self, compiled: Any) -> Program:
        evaluate = compiled.eval

        def run(activation: Any) -> Any:
            try:
                value = evaluate(activation)
                plain = value.plain_value()
            except (RuntimeError, TypeError, ValueError) as problem:
                return Failed(_plain(str(problem).partition("\n")[0]))
            if plain is True or plain is False:
                return plain
            return Failed(_plain(str(plain))) if value.type() == self._error else plain

        return run

    def evaluate(self, expression: str, activation: cel.Activation) -> Any:
        """The value of an expression as Python data, or :class:`Failed`."""
        return self.program(expression)(activation)


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
