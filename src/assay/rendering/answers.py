"""A rendering that ends in its text or in one error that holds no value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateError, TemplateNotFound, TemplateRuntimeError, TemplateSyntaxError
from jinja2.exceptions import SecurityError, TemplatesNotFound

from assay.rendering.environment import RefusedError, StrictEnvironment, TooBigError, chain
from assay.rendering.limits import Limits

# What the expressions of a template can raise; anything else ends the process, which its parent reports.
_EXPRESSION_ERRORS = (
    TemplateError,
    RefusedError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
_DEFINE = "set them in values.yaml or an overrides file, with --set, or give them a `default` in the template"


def guarded(environment: StrictEnvironment, template: str, values: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The rendered text and the files that were read, or the error."""
    try:
        text = environment.join(pieces(environment, template, values))
    except _EXPRESSION_ERRORS as problem:
        if environment.uses.found:
            return undefined(environment, template)
        return explained(problem, environment, template, limits)
    if environment.uses.found:
        return undefined(environment, template)
    return {"text": text, "files": list(environment.root_loader.read)}


def pieces(environment: StrictEnvironment, template: str, values: dict[str, Any]) -> Iterator[str]:
    """The pieces of a rendering as they are written; errors keep the frames of the templates."""
    loaded = environment.get_template(template)
    context = loaded.new_context(values)
    yield from loaded.root_render_func(context)


def error(what: str, where: str, todo: str = "") -> dict[str, Any]:
    """An answer that says what is wrong."""
    return {"error": {"what": what, "where": where, "todo": todo}}


def undefined(environment: StrictEnvironment, template: str) -> dict[str, Any]:
    """The answer for variables that are missing, all of them."""
    found = environment.uses.found
    names = [f"{name} ({', '.join(filter(None, places))})" for name, places in found.items()]
    counted = "1 variable is" if len(names) == 1 else f"{len(names)} variables are"
    where = next((place for places in found.values() for place in places if place), template)
    return error(f"{counted} not defined: {', '.join(names)}", where, _DEFINE)


def explained(problem: BaseException, environment: StrictEnvironment, template: str, limits: Limits) -> dict[str, Any]:
    """The answer for an error of the template, without any value."""
    steps = chain(problem.__traceback__)
    where = steps[-1][1] if steps else template
    if isinstance(problem, TooBigError):
        return error(problem.what, where, f"a template may write {limits.output_mb} MB")
    if isinstance(problem, RefusedError):
        return error(problem.what, problem.template or where, problem.todo)
    if isinstance(problem, SecurityError):
        return error("the template uses something that the sandbox forbids", where, "use values and filters only")
    if isinstance(problem, TemplateNotFound):
        return _not_found(problem, environment, where, template)
    if isinstance(problem, TemplateSyntaxError):
        name = problem.name or template
        return error((problem.message or "the template cannot be read").rstrip("."), f"{name}:{problem.lineno}")
    if isinstance(problem, RecursionError):
        return _recursion(steps, template)
    return _failed(problem, where)


def _failed(problem: BaseException, where: str) -> dict[str, Any]:
    if isinstance(problem, OverflowError) and "Range" in str(problem):
        return error("a range has more than 100,000 numbers", where, "loop over fewer")
    if isinstance(problem, TemplateRuntimeError):
        return error("an expression uses a filter, test or block that does not exist", where, "check the names")
    kind = type(problem).__name__
    return error(f"an expression on this line cannot be evaluated ({kind})", where, "check the types of its values")


def _not_found(problem: TemplateNotFound, environment: StrictEnvironment, where: str, template: str) -> dict[str, Any]:
    names = problem.templates if isinstance(problem, TemplatesNotFound) else [problem.name or ""]
    shown = ", ".join(repr(environment.root_loader.shown(name)) for name in names)
    if where == template:
        return error("the template does not exist", template)
    return error(f"the template {shown} does not exist", where, "name it relative to the template root")


def _recursion(steps: list[tuple[str, str]], template: str) -> dict[str, Any]:
    """Name the templates that include one another, once around."""
    if not steps:
        return error("the template is nested too deep", template, "split it")
    where = steps[0][1]
    files = [place.rpartition(":")[0] for function, place in steps if function == "root"]
    if len(files) < len(steps) // 2:
        return error("a macro or block calls itself without end", steps[-1][1], "end the recursion with a condition")
    again = next((number for number, name in enumerate(files) if name in files[:number]), 0)
    circle = " → ".join(files[files.index(files[again]) : again + 1])
    return error(f"templates include one another without end: {circle}", where, "break the circle")
