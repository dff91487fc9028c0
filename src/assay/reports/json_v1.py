"""The JSON report: the form as it is."""

from __future__ import annotations

import json
from typing import Any

from assay.reports.form import Form


def write(form: Form, _options: dict[str, Any]) -> str:
    """The form as JSON, two spaces deep; lone surrogates become escapes."""
    text = json.dumps(form, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(form, indent=2)
    return text + "\n"
