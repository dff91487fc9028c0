"""Small stacks that tests scan."""

from __future__ import annotations

from pathlib import Path

BAD_POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
    - name: app
      image: example.com/app:1.0
      securityContext:
        privileged: true
"""

GOOD_POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
spec:
  containers:
    - name: app
      image: example.com/app:1.0
      securityContext:
        privileged: false
"""

TEMPLATE = """\
apiVersion: v1
kind: Pod
metadata:
  name: {{ name }}
  namespace: shop
spec:
  containers:
    - name: app
      image: example.com/app:1.0
      securityContext:
        privileged: {{ privileged }}
"""


def write(folder: Path, **files: str) -> Path:
    """Write files, ``__`` in a name being ``/`` and ``_dot_`` a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def jinja_stack(folder: Path, override: str = "name: web\nprivileged: false\n") -> Path:
    """A template with values and two environments."""
    return write(
        folder,
        stack__pod_dot_yaml_dot_j2=TEMPLATE,
        stack__values_dot_yaml="name: base\nprivileged: false\n",
        stack__production_overrides_dot_yaml=override,
        stack__staging_overrides_dot_yaml="name: staging\n",
    )
