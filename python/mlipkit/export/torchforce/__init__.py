# SPDX-License-Identifier: MIT
"""From a checkpoint to a file for OpenMM's TorchForce: pure TorchScript, for one list of particles."""
