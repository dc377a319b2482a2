# SPDX-License-Identifier: MIT
"""Artifacts in OpenMM: `MLIPForce`, a native force, and systems made with it. Importing this package loads the plugin.

Systems that were saved with such a force are read by ``XmlSerializer.deserialize`` once it is imported.
"""

try:
    import openmm as _openmm  # noqa: F401  (before what needs it)
except ImportError as error:
    raise ImportError(
        f"mlipkit.openmm needs OpenMM ({error}); install it with: pip install 'mlipkit[openmm]'"
    ) from error

from mlipkit.openmm.force import MLIPForce
from mlipkit.openmm.plugin import plugin_path
from mlipkit.openmm.systems import createMixedSystem, createSystem

__all__ = ["MLIPForce", "createMixedSystem", "createSystem", "plugin_path"]
