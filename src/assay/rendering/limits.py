"""How much one rendering may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """``seconds`` of wall time for one template, ``memory_mb`` of the child process, ``output_mb`` of its text."""

    seconds: float = 10.0
    memory_mb: int = 512
    output_mb: int = 16

    @property
    def characters(self) -> int:
        """The longest text that a rendering may give or hold."""
        return self.output_mb * 1024 * 1024
