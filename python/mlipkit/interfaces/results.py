# SPDX-License-Identifier: MIT
"""What the engine tells Python: about an opened artifact, and about a structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Description:
    """An opened artifact: what it is, how it was opened, and how well it reproduced its reference."""

    path: str
    architecture: str
    precision: str
    device: str
    task: str
    torch_version: str
    manifest: dict[str, Any]  # as in mlip.json
    cutoff: float  # angstrom
    interaction_range: float  # angstrom
    n_layers: int
    halo_exchanges: int  # per forward pass; 0: no halo needed
    halo_values_per_ghost: int  # per exchange
    species: list[str]  # in use, in the caller's order
    masses: list[float]  # of those, u
    outputs: list[str]  # besides the energy
    structure_outputs: list[str]  # those of them that belong to the structure, not to atoms
    tabulated: bool  # radial networks were replaced by tables
    n_probes: int  # probe structures evaluated when opening
    probe_seconds: float
    probe_energy_error: float  # largest difference, eV per atom
    probe_force_error: float  # eV/angstrom


@dataclass(frozen=True)
class Result:
    """Energies in eV (reference energies E0 included), forces in eV/angstrom, virials in eV (xx yy zz xy xz yz).

    Arrays that were not asked for are None. Rows of ghosts hold what belongs to their owners.
    """

    energy: float  # sum over local atoms
    virial: FloatArray  # [6], W = -sum r_ij (x) dE/dr_ij; stress = -W/V
    forces: FloatArray  # [n_all, 3]
    energies: FloatArray | None  # [n_local]
    virials: FloatArray | None  # [n_all, 6]
    centroid_virials: FloatArray | None  # [n_all, 9] W_j = sum_i (r_i - r_j) (x) dU_i/dr_j; xx yy zz xy xz yz yx zx zy
    edge_gradients: FloatArray | None  # [E, 3] dE/dr_ij


@dataclass(frozen=True)
class DeviceResult:
    """Energy (eV) and virial (eV; xx yy zz xy xz yz) of an evaluation whose forces stay on the device."""

    energy: float
    virial: FloatArray  # [6], NaN where only the energy was wanted


@dataclass(frozen=True)
class EnergyResult:
    """Energies in eV, reference energies E0 included, of an evaluation without forces."""

    energy: float  # sum over local atoms
    energies: FloatArray | None  # [n_local], None when not asked for
