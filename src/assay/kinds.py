"""Which kinds live in a namespace, and what their plurals are.

The table ``kinds.json`` is made by ``make tables`` from the discovery of Kubernetes and from the custom resource
definitions of the operators that rules know: by group (``core`` is the one without a name), then by scope, the kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def _table() -> Iterator[tuple[str, bool, str]]:
    groups = json.loads(Path(__file__).with_name("kinds.json").read_bytes())
    for group, scopes in groups.items():
        for scope, kinds in scopes.items():
            for kind, plural in kinds.items():
                yield f"{group}/{kind}", scope == "namespaced", plural


_TABLE = list(_table())

NAMESPACED: dict[str, bool] = {kind: namespaced for kind, namespaced, _ in _TABLE}
"""``group/Kind`` -> whether its objects live in a namespace; kinds that are not here are not known."""

PLURALS: dict[str, str] = {kind: plural for kind, _, plural in _TABLE}
"""``group/Kind`` -> what the API calls its objects: ``apps/Deployment`` -> ``deployments``."""
