"""The JSON report: the form as it is, one line for each entry of its lists."""

from __future__ import annotations

import json
from typing import Any

from assay.reports.form import Form

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def write(form: Form, _options: dict[str, Any]) -> str:
    """The form as JSON; lone surrogates become escapes.

    Not indented throughout: the encoder of the standard library is ten times as fast without, and a line for each
    finding is what `git diff` and `grep` read best.
    """
    text = "{\n" + ",\n".join(f"{json.dumps(key)}: {_value(value)}" for key, value in form.items()) + "\n}\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(form) + "\n"
    return text


def _value(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _ENCODER.encode(value)
    return "[\n" + ",\n".join(map(_ENCODER.encode, value)) + "\n]"
