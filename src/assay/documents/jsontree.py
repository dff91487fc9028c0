"""The nodes of a JSON text. YAML cannot give them: it lacks surrogate pairs, DEL and keys of more than 1024 letters."""

from __future__ import annotations

import json
import re

from assay.documents import fromjson
from assay.documents.tree import Node

_TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*+"|[^ \t\r\n,:{}\[\]"]+')


def compose(text: str) -> Node:
    """The root of a text that is one JSON object and nothing else, as :func:`fromjson.stream` found it."""
    root = Node(0, len(text))
    root.children = []
    stack = [root]
    for match in _TOKEN.finditer(text):
        sign = match[0][0]
        if sign in "}]":
            stack.pop().close(match.end())
            continue
        node = Node(match.start(), match.end())
        stack[-1].children.append(node)  # type: ignore[union-attr]
        if sign in "{[":
            node.children, node.is_map, node.flow = [], sign == "{", True
            stack.append(node)
        elif sign == '"':
            node.style, node.meaning = '"', fromjson.whole_characters(json.loads(match[0]))
        else:
            node.meaning = match[0]
    return root.children[0]
