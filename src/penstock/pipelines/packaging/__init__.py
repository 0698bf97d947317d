"""Packaging: a function's code as a zip file, the same bytes for the same files.

archive        the zip itself, and the toolkit's part of it
needs          what a handler imports: the project's files, and modules of others
requirements   which distributions these come from, in which versions
wheels         fetching them for Lambda's platform
building       all of it, per function
"""

from penstock.pipelines.packaging.archive import archive, toolkit_files
from penstock.pipelines.packaging.building import Package, packages
from penstock.pipelines.packaging.wheels import Architecture, Fetch, WheelRequest, checked_architecture

__all__ = [
    "Architecture",
    "Fetch",
    "Package",
    "WheelRequest",
    "archive",
    "checked_architecture",
    "packages",
    "toolkit_files",
]
