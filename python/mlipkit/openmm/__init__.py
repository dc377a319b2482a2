# SPDX-License-Identifier: MIT
"""Artifacts in OpenMM: `MLIPForce`, a native force, and systems made with it. Importing this package loads the plugin.

Systems that were saved with such a force are read by ``XmlSerializer.deserialize`` once it is imported.
"""

from mlipkit.openmm.force import MLIPForce
from mlipkit.openmm.plugin import plugin_path
from mlipkit.openmm.systems import createMixedSystem, createSystem

__all__ = ["MLIPForce", "createMixedSystem", "createSystem", "plugin_path"]
