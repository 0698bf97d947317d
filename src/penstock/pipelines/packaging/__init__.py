"""Packaging: the zip file that a function's code is, the same bytes for the same files."""

from penstock.pipelines.packaging.archive import archive, toolkit_files

__all__ = ["archive", "toolkit_files"]
