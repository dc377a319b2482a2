# SPDX-License-Identifier: MIT
"""The structures of the conformance suite."""

from __future__ import annotations

import json
from pathlib import Path

from ase import Atoms

CASES = Path(__file__).parents[1] / "conformance" / "cases"


def load_case(path: Path) -> Atoms:
    case = json.loads(path.read_text())
    return Atoms(case["species"], case["positions"], cell=case["cell"], pbc=case["pbc"])
