# SPDX-License-Identifier: MIT
"""What the benchmarks share: structures, models, timing, child processes, the description of the machine, results."""
