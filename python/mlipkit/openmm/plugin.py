# SPDX-License-Identifier: MIT
"""The plugin library: importing this module loads it into OpenMM."""

from __future__ import annotations

import ctypes
from pathlib import Path

import openmm

from mlipkit._libraries import library_folder


def plugin_path() -> Path:
    """The plugin library that OpenMM loads.

    Raises:
        FileNotFoundError: mlipkit was built without it.
    """
    path = library_folder() / "libMLIPOpenMM.so"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: mlipkit was built without OpenMM; run `pip install .` again")
    return path


def _load() -> ctypes.CDLL:
    path = plugin_path()
    try:
        openmm.Platform.loadPluginLibrary(str(path))
    except openmm.OpenMMException as error:
        raise ImportError(f"OpenMM {openmm.Platform.getOpenMMVersion()} cannot load {path}: {error}") from error
    library = ctypes.CDLL(str(path))
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.mlip_openmm_is_ours.argtypes = [pointer]
    library.mlip_openmm_output.restype = text
    library.mlip_openmm_output.argtypes = [pointer, pointer, text, *(pointer,) * 3]
    library.mlip_openmm_set_total_charge.argtypes = [pointer, ctypes.c_double]
    library.mlip_openmm_set_spin_multiplicity.argtypes = [pointer, ctypes.c_double]
    library.mlip_openmm_set_precision.argtypes = [pointer, text]
    library.mlip_openmm_update.restype = text
    library.mlip_openmm_update.argtypes = [pointer, pointer]
    return library


library = _load()  # once per process: Python runs a module once


def require(message: bytes | None) -> None:
    """Raises what a function of the library answered."""
    if message is not None:
        raise openmm.OpenMMException(message.decode())
