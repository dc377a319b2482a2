# SPDX-License-Identifier: MIT
"""Where the benchmarks lie; importing this makes their shared modules importable."""

from __future__ import annotations

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
