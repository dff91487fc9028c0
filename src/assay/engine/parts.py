"""An expression as the parts that `&&`, `||`, `!` and `?:` join.

Joined here and evaluated one by one, a part is evaluated once for all rules that hold it and all items that are the
same to it (:mod:`assay.engine.reads`), and not at all where those before it decide. What is joined gives what the
runtime gives for the whole: an error stands only where nothing decides (CEL specification, "Logical Operators").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from assay.engine.unfold import CLOSE, OPEN, before, tokens_of

Tree: TypeAlias = "str | list[Any]"
"""A part, or an operator (``&&``, ``||``, ``!``, ``?``) followed by the trees that it joins."""


def split(expression: str) -> Tree:
    """The tree of an expression that compiles."""
    return _split(tokens_of(expression))


def text_of(tree: Tree) -> str:
    """The expression that a tree was split from, up to white space and brackets."""
    if isinstance(tree, str):
        return tree
    operator, *trees = tree
    texts = [f"({text_of(one)})" for one in trees]
    if operator == "!":
        return f"!{texts[0]}"
    return f"{texts[0]} ? {texts[1]} : {texts[2]}" if operator == "?" else f" {operator} ".join(texts)


def with_parts(tree: Tree, change: Callable[[str], str]) -> Tree:
    """The tree with another text for each part."""
    return change(tree) if isinstance(tree, str) else [tree[0], *(with_parts(one, change) for one in tree[1:])]


def merged(tree: Tree, like: Callable[[str, str], bool]) -> Tree:
    """The tree with neighbours as one part again where nothing is won by keeping them apart."""
    if isinstance(tree, str):
        return tree
    operator, *trees = tree
    done: list[Tree] = []
    for one in (merged(one, like) for one in trees):
        last = done[-1] if done else None
        if operator in ("&&", "||") and isinstance(one, str) and isinstance(last, str) and like(last, one):
            done[-1] = text_of([operator, last, one])
        else:
            done.append(one)
    if operator == "!" and isinstance(done[0], str):
        return text_of([operator, done[0]])
    return done[0] if len(done) == 1 and operator != "!" else [operator, *done]


def _split(tokens: list[str]) -> Tree:
    tokens = _bare(tokens)
    question = _at_top(tokens, "?", single=True)
    if question:
        # What stands between the two signs can hold such a pair in brackets only (CEL specification, "Syntax").
        first, colon = question[0], _at_top(tokens, ":", single=True)[0]
        return ["?", _split(tokens[:first]), _split(tokens[first + 1 : colon]), _split(tokens[colon + 1 :])]
    for sign in ("|", "&"):
        places = _at_top(tokens, sign)
        if places:
            starts, ends = [0, *(place + 2 for place in places)], [*places, len(tokens)]
            return [sign * 2, *(_split(tokens[start:end]) for start, end in zip(starts, ends, strict=True))]
    if tokens[:1] == ["!"] and _bare(tokens[1:]) != _stripped(tokens[1:]):
        return ["!", _split(tokens[1:])]
    return "".join(tokens)


def _stripped(tokens: list[str]) -> list[str]:
    start, end = 0, len(tokens)
    while start < end and tokens[start] == " ":
        start += 1
    while end > start and tokens[end - 1] == " ":
        end -= 1
    return tokens[start:end]


def _bare(tokens: list[str]) -> list[str]:
    """The tokens without brackets around all of them."""
    tokens = _stripped(tokens)
    while tokens[:1] == ["("] and _closing(tokens) == len(tokens) - 1:
        tokens = _stripped(tokens[1:-1])
    return tokens


def _closing(tokens: list[str]) -> int:
    """Where the bracket that is the first token is closed."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token in OPEN) - (token in CLOSE)
        if not depth:
            return index
    return -1


def _at_top(tokens: list[str], sign: str, *, single: bool = False) -> list[int]:
    """Where an operator stands outside of brackets: a sign written twice, or once and not as ``.?``."""
    found = []
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token in OPEN) - (token in CLOSE)
        if token != sign or depth:
            continue
        previous = before(tokens, index)
        if single and tokens[previous] != ".":
            found.append(index)
        if not single and tokens[index + 1] == sign:
            found.append(index)
    return found


def program_of(
    tree: Tree, part: Callable[[str], Callable[[Any], Any]], failed: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """What evaluates a tree.

    Args:
        part: What evaluates a part, by its text.
        failed: What an operator makes of a value that is no boolean: an error is itself.
    """
    if isinstance(tree, str):
        return part(tree)
    operator, *trees = tree
    programs = [program_of(one, part, failed) for one in trees]
    if operator in ("&&", "||"):
        return _decided_by(operator == "||", programs, failed)
    first = programs[0]

    def negated(activation: Any) -> Any:
        value = first(activation)
        return (not value) if value is True or value is False else failed(value)

    def chosen(activation: Any) -> Any:
        value = first(activation)
        if value is True:
            return programs[1](activation)
        return programs[2](activation) if value is False else failed(value)

    return negated if operator == "!" else chosen


def _decided_by(
    value: bool, programs: Sequence[Callable[[Any], Any]], failed: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """``||`` for true, ``&&`` for false: that value of one part decides, else the first error, else the other."""

    def run(activation: Any) -> Any:
        error = None
        for program in programs:
            found = program(activation)
            if found is value:
                return value
            if found is not True and found is not False and error is None:
                error = failed(found)
        return (not value) if error is None else error

    return run
