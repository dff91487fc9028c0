"""How a run is shown: one module for each format, all from the JSON form."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from assay.reports.form import Form

Writer = Callable[[Form, dict[str, Any]], str]

# format -> the module whose `write(form, options)` gives the report's text
REPORTS: dict[str, str] = {
    "text": "assay.reports.text",
    "json": "assay.reports.json_v1",
    "sarif": "assay.reports.sarif",
}


def writer(name: str) -> Writer:
    """The writer of a format; only its own module is imported."""
    write: Writer = import_module(REPORTS[name]).write
    return write
