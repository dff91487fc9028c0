"""Expressions as the runtime gets them: shared ones and ``cel.bind`` written out, parameters as literals.

Seen with cel-expr-python 0.1.3: after an ``exists`` or ``all`` that ends early, a ``cel.bind`` beside it may hold the
loop's item instead of its own value, without any error. So no bind reaches the runtime. Parameters stand in the
expression because handing over variables costs twenty times an expression; all rules then share one activation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from assay.model.rules import Shared

# A text, a name, a number, white space or comment, or one sign. CEL specification, section "Syntax".
_TOKEN = re.compile(
    r"[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')"
    r"|[A-Za-z_]\w*|[0-9][\w.]*|//[^\n]*|\s+|.",
    re.DOTALL,
)
OPEN, CLOSE = frozenset("([{"), frozenset(")]}")
_LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter", "optMap", "optFlatMap"})


class UnfoldError(ValueError):
    """A ``cel.bind`` or a shared expression that cannot be written out."""


def unfold(expression: str, params: Mapping[str, Any], shared: Mapping[str, Shared] | None = None) -> str:
    """An expression without ``lib.name(...)``, without ``cel.bind`` and without the variable ``params``.

    Raises:
        UnfoldError: A bind without three arguments, a shared expression that does not exist or gets another number
            of arguments, a name that is given two meanings, or a parameter that the rule does not have.
    """
    if not any(word in expression for word in ("cel.bind", "params", "lib.")):
        return expression
    return "".join(_with_params(_binds(_shared(tokens_of(expression), shared or {})), params))


def shared_names(expression: str) -> list[str]:
    """The names of the shared expressions that an expression uses, each once."""
    tokens = tokens_of(expression) if "lib." in expression else []
    return list(dict.fromkeys(tokens[i + 2] for i in range(len(tokens)) if _is_shared(tokens, i)))


def tokens_of(expression: str) -> list[str]:
    """An expression as texts, names, numbers and single signs; white space and comments are one blank."""
    found = [match[0] for match in _TOKEN.finditer(expression)]
    return [" " if part.isspace() or part.startswith("//") else part for part in found]


def _is_shared(tokens: list[str], index: int) -> bool:
    """Whether ``lib.name(`` starts at an index."""
    return (
        tokens[index] == "lib"
        and tokens[index + 1 : index + 2] == ["."]
        and tokens[index + 3 : index + 4] == ["("]
        and not _is_field(tokens, index)
    )


def _shared(tokens: list[str], shared: Mapping[str, Shared]) -> list[str]:
    """The tokens with each shared expression replaced by what it stands for; arguments stand for its names."""
    done: list[str] = []
    position = 0
    while position < len(tokens):
        if not _is_shared(tokens, position):
            done.append(tokens[position])
            position += 1
            continue
        name = tokens[position + 2]
        known = shared.get(name)
        if known is None:
            raise UnfoldError(f"there is no shared expression {name!r}")
        arguments, position = arguments_of(tokens, position + 4)
        given = [argument for argument in arguments if "".join(argument).strip()]
        if len(given) != len(known.takes):
            raise UnfoldError(f"lib.{name} takes {len(known.takes)} arguments, not {len(given)}")
        values = [["(", *_shared(argument, shared), ")"] for argument in given]
        # What a shared expression uses itself comes before it in its file, so this ends.
        earlier = {key: shared[key] for key in list(shared)[: list(shared).index(name)]}
        body = _shared(tokens_of(known.expression), earlier)
        done += ["(", *_replaced(body, dict(zip(known.takes, values, strict=True))), ")"]
    return done


def _binds(tokens: list[str]) -> list[str]:
    """The tokens with each bind replaced by its body, its value standing for its name."""
    done: list[str] = []
    position = 0
    while position < len(tokens):
        if tokens[position : position + 4] != ["cel", ".", "bind", "("]:
            done.append(tokens[position])
            position += 1
            continue
        arguments, position = arguments_of(tokens, position + 4)
        if len(arguments) != 3:
            raise UnfoldError("cel.bind takes a name, a value and a body")
        name = "".join(arguments[0]).strip()
        value = ["(", *_binds(arguments[1]), ")"]
        done += ["(", *_replaced(_binds(arguments[2]), {name: value}), ")"]
    return done


def arguments_of(tokens: list[str], start: int) -> tuple[list[list[str]], int]:
    """The arguments from behind an open bracket, and the position behind the closing one."""
    arguments: list[list[str]] = [[]]
    depth = 0
    for position in range(start, len(tokens)):
        part = tokens[position]
        if part in CLOSE:
            if not depth:
                return arguments, position + 1
            depth -= 1
        elif part in OPEN:
            depth += 1
        if part == "," and not depth:
            arguments.append([])
        else:
            arguments[-1].append(part)
    raise UnfoldError("a bracket is not closed")


def _replaced(tokens: list[str], values: Mapping[str, list[str]]) -> list[str]:
    """The tokens with values for names. A loop inside must not give a name, or one in a value, another meaning."""
    inside = {part for index, part in enumerate(tokens) if _declares(tokens, index)}
    for name, value in values.items():
        for clash in inside & {name, *_free(value)}:
            raise UnfoldError(f"a loop gives {clash!r} another meaning: choose another name")
    done: list[str] = []
    for index, part in enumerate(tokens):
        if part in values and not _is_field(tokens, index):
            done += values[part]
        else:
            done.append(part)
    return done


def _free(tokens: list[str]) -> set[str]:
    """The names in a value that mean something outside of it."""
    names = {part for index, part in enumerate(tokens) if part.isidentifier() and not _is_field(tokens, index)}
    return names - {part for index, part in enumerate(tokens) if _declares(tokens, index)}


def before(tokens: list[str], index: int) -> int:
    """The index of the last part before one that is no blank; -1 if there is none."""
    index -= 1
    while index >= 0 and tokens[index] == " ":
        index -= 1
    return index


def _is_field(tokens: list[str], index: int) -> bool:
    """Whether a name is a field: it follows ``.`` or ``.?``."""
    index = before(tokens, index)
    if index >= 0 and tokens[index] == "?":
        index = before(tokens, index)
    return index >= 0 and tokens[index] == "."


def _declares(tokens: list[str], index: int) -> bool:
    """Whether a name is what a loop calls its items: it stands right after ``.all(`` and the like."""
    bracket = before(tokens, index)
    loop = before(tokens, bracket) if bracket >= 0 and tokens[bracket] == "(" else -1
    return loop >= 0 and tokens[loop] in _LOOPS and _is_field(tokens, loop)


def _with_params(tokens: list[str], params: Mapping[str, Any]) -> list[str]:
    """The tokens with ``params.name`` and ``params["name"]`` as literals; JSON is CEL."""
    done: list[str] = []
    position = 0
    while position < len(tokens):
        if tokens[position] != "params" or _is_field(tokens, position):
            done.append(tokens[position])
            position += 1
            continue
        following = [part for part in tokens[position + 1 : position + 6] if part != " "]
        dotted = following[:1] == ["."]
        name = (following[1] if dotted else following[1].strip("\"'")) if len(following) > 1 else ""
        if name not in params or not (dotted or following[0] == "["):
            raise UnfoldError(f"the rule has no parameter {name!r}")
        done.append(f"({json.dumps(params[name], ensure_ascii=False)})")
        remaining = 2 if dotted else 3
        position += 1
        while remaining:
            remaining -= tokens[position] != " "
            position += 1
    return done
