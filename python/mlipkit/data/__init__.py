# SPDX-License-Identifier: MIT
"""From data files to batches: reading, labels, units, reference energies, splits, statistics, graphs."""
