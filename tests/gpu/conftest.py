# SPDX-License-Identifier: MIT
"""What needs a GPU; where there is none, one skipped test says so. On one, run by scripts/gpu_check.sh."""

from __future__ import annotations

from gpu_reason import missing

collect_ignore_glob = ["test_*_on_gpu.py"] if missing() else []
