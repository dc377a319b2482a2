# SPDX-License-Identifier: MIT
"""Makes e3nn importable: version 0.4, which mace-torch pins, reads its constants in a way that torch >= 2.6 refuses
unless told otherwise. Only its import is told so; what the tests load afterwards is read as usual.
"""

from __future__ import annotations

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    import e3nn.o3  # noqa: F401
