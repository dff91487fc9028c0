"""How much of a text is read. Real manifests stay far below each limit; hostile ones end at them.

Seen in 24 rendered charts (1.6 MB): at most 0.57 MB, 29 levels and 12,510 values in a file.
"""

BYTES = 32 * 1024 * 1024
"""A file that is bigger is not opened."""

NODES = 500_000
"""Values, written or repeated by an alias, in all YAML documents of one text."""

JSON_NODES = 1_000_000
"""The same for one stretch of JSON, which is read several times as fast; counted from above."""

DOCUMENT_COST = 10
"""What starting on a document costs of :data:`NODES`: a text of separators alone must end as well."""

PROBLEMS = 100
"""Problems in one text after which the rest is left unread."""

DEPTH = 200
"""Mappings and lists inside one another (kubectl allows 10,000; Python's own recursion ends at 1,000)."""

ALIASED_BYTES = 16 * 1024 * 1024
"""What aliases may repeat, each value counted with its length and 32 more."""
