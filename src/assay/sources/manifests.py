"""Plain manifests, YAML or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

from assay.documents import Document, Locator, Problem, read_file
from assay.halves import Halves
from assay.kube import build_object, is_object, problem_of, unfold
from assay.model.objects import Unread, Warned
from assay.model.origin import Origin, Place, Role, Route
from assay.redact import Masker
from assay.sources.interface import Batch, Source


class ManifestFile(Source):
    """One file of manifests; it belongs to every world and is read once.

    Args:
        named: Whether the user named the file: then it must be readable and hold an object.
    """

    apart = True

    def __init__(self, path: Path, name: str, namespace: str, masker: Masker, *, named: bool) -> None:
        self.name = name
        self._path = path
        self._namespace = namespace
        self._masker = masker
        self._named = named

    def read(self, environment: str) -> Batch:  # noqa: ARG002 - plain files are the same in every world
        """The objects of the file."""
        return self._batch

    def text(self, environment: str) -> str:  # noqa: ARG002 - plain files are the same in every world
        """The file as it is; JSON is YAML too."""
        return read_file(self._path)[0]

    def size(self) -> int:
        """The size in bytes; 0 where nobody can tell."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def take(self, batch: Batch) -> None:
        """Take over what the same file gave in another process."""
        self.__dict__["_batch"] = batch

    @cached_property
    def _batch(self) -> Batch:
        text, documents = read_file(self._path)
        noted = {doc.index: doc.places for doc in documents if isinstance(doc, Document) and doc.places is not None}
        locator = Locator(text, noted)

        def origin(index: int, route: Route) -> Origin:
            return _FileOrigin(self.name, locator, index, route)

        return batch_of(documents, origin, self.name, self._namespace, self._masker, quiet=not self._named)


_WORTH_A_PROCESS = 12
"""Files that take longer to read than a process takes to start."""


class ReadAhead:
    """Files whose objects are about to be asked for; another process has begun to read some where that is possible.

    Args:
        masker: That of the files: it learns what the other process has learnt.
    """

    def __init__(self, files: Sequence[ManifestFile], masker: Masker) -> None:
        def some(part: Iterable[ManifestFile]) -> tuple[list[Batch], frozenset[str]]:
            return [file.read("") for file in part], masker.learnt()

        self._masker = masker
        self._halves = Halves(some, sorted(files, key=ManifestFile.size, reverse=True), _WORTH_A_PROCESS)

    @property
    def shared(self) -> bool:
        """Whether another process reads too."""
        return self._halves.shared

    def finish(self) -> None:
        """Read the others here, and take over what the other process has read."""
        parts = self._halves.results()
        for part, (batches, _) in parts:
            for file, batch in zip(part, batches, strict=True):
                file.take(batch)
        for _, (_, learnt) in parts[1:]:
            self._masker.learn_forms(learnt)

    def close(self) -> None:
        """Leave it at that; no process stays behind."""
        self._halves.close()


class _FileOrigin:
    """Places in the file itself."""

    __slots__ = ("_base", "_document", "_file", "_locator")

    def __init__(self, file: str, locator: Locator, document: int, base: Route) -> None:
        self._file = file
        self._locator = locator
        self._document = document
        self._base = base

    def places(self, route: Route) -> tuple[Place, ...]:
        span = self._locator.locate(self._document, (*self._base, *route))
        role = Role.TEMPLATE if span.exists else Role.MISSING
        if span.key and span.end_line > span.line:
            line, column, end_line, end_column = span.key
            return (Place(self._file, line, column, end_line, end_column, role),)
        return (Place(self._file, span.line, span.column, span.end_line, span.end_column, role),)


def batch_of(
    documents: Iterable[Document | Problem],
    origin: Callable[[int, Route], Origin],
    source: str,
    namespace: str,
    masker: Masker,
    *,
    quiet: bool,
) -> Batch:
    """The objects among documents.

    Args:
        origin: Makes the origin of an object from the index of its document and its route in it.
        quiet: What no YAML parser would read is only a warning, because nobody named the file.
    """
    batch = Batch()
    for document in documents:
        if isinstance(document, Problem):
            place = Place(source, document.line, document.column, document.line, document.column + 1, Role.TEMPLATE)
            message = f"{document.what}; {document.todo}" if document.todo else document.what
            if quiet and document.unreadable:
                batch.warned.append(Warned(f"not read: {message}", place))
            else:
                batch.unread.append(Unread(source, document.what, place, todo=document.todo))
            continue
        if not is_object(document.value):
            batch.skipped += document.value is not None
            continue
        for route, value in unfold(document.value):
            made = origin(document.index, route)
            problem = problem_of(value)
            if problem:
                batch.unread.append(Unread(source, problem, made.places(())[0]))
            else:
                batch.objects.append(build_object(value, made, source, namespace, masker))
    return batch
