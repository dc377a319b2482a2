# SPDX-License-Identifier: MIT
"""Is this installation well? Every check gives findings; a finding that is not ok says what to do.

The doctor must work where other things do not: modules here import the standard library alone, and whatever may crash,
hang or be missing (torch, LAMMPS, OpenMM, the compiled libraries) runs in child processes with time limits.
"""

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.examine import GROUPS, examine
from mlipkit.doctor.finding import Finding, Status

__all__ = ["GROUPS", "Environment", "Finding", "Status", "examine"]
