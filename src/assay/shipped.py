"""Where the policies and templates lie that come with Assay."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The folder ``policies`` or ``templates`` of an installed wheel, else of the checkout.

    A checkout comes second because a wheel must never read what happens to lie beside it.
    """
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / name
