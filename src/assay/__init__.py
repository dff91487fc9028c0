"""Assay: checks Kubernetes configuration with declarative rules and answers per control."""

__version__ = "0.1.0"
