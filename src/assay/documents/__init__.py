"""YAML and JSON as Kubernetes reads them, with positions on demand."""

from assay.documents.locate import Locator, Point, Span
from assay.documents.problems import Problem
from assay.documents.reader import Document, decode, read_documents, read_file

__all__ = ["Document", "Locator", "Point", "Problem", "Span", "decode", "read_documents", "read_file"]
