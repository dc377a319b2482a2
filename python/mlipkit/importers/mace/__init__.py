# SPDX-License-Identifier: MIT
"""Models of mace-torch (MACE, ScaleShiftMACE), converted weight by weight into the architecture "mace".

Energies, forces and stress are those of the original to rounding. What cannot be represented exactly is refused by
name. Reading such a file unpickles it, which can run any code: import only files whose origin you trust. mace-torch is
needed for that and nowhere else.
"""

from mlipkit.importers.mace.checkpoint import import_mace, list_heads
from mlipkit.importers.mace.errors import ImportRefused

__all__ = ["ImportRefused", "import_mace", "list_heads"]
