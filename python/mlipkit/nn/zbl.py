# SPDX-License-Identifier: MIT
"""Ziegler-Biersack-Littmark repulsion of nuclei at short range, as in MACE: exact where data end, no parameters."""

import torch
from ase.data import atomic_numbers, covalent_radii
from torch import Tensor, nn

from mlipkit.nn.radial import polynomial_cutoff

SCREENING_EXPONENT = 0.300
SCREENING_PREFACTOR = 0.4543


class ZBLRepulsion(nn.Module):
    """Screened Coulomb repulsion (Ziegler, Biersack, Littmark 1985), switched off smoothly at the sum of the two
    covalent radii; half of each pair's energy goes to each atom."""

    numbers: Tensor
    radii: Tensor
    screening: Tensor

    def __init__(self, species: list[str], order: int) -> None:
        super().__init__()
        self.order = order
        dtype = torch.get_default_dtype()
        numbers = torch.tensor([atomic_numbers[symbol] for symbol in species], dtype=torch.float64)
        radii = torch.tensor([covalent_radii[atomic_numbers[symbol]] for symbol in species], dtype=torch.float64)
        screening = numbers**SCREENING_EXPONENT / (SCREENING_PREFACTOR * 0.529)
        self.register_buffer("numbers", numbers.to(dtype), persistent=False)
        self.register_buffer("radii", radii.to(dtype), persistent=False)
        self.register_buffer("screening", screening.to(dtype), persistent=False)

    def forward(self, r: Tensor, centre: Tensor, neighbour: Tensor, species: Tensor, n_local: int) -> Tensor:
        """[E] distances -> [n_local] energies, eV."""
        i, j = species.index_select(0, centre), species.index_select(0, neighbour)
        numbers, radii, screening = self.numbers.to(r.dtype), self.radii.to(r.dtype), self.screening.to(r.dtype)
        x = r * (screening[i] + screening[j])
        phi = 0.1818 * torch.exp(-3.2 * x) + 0.5099 * torch.exp(-0.9423 * x)
        phi = phi + 0.2802 * torch.exp(-0.4028 * x) + 0.02817 * torch.exp(-0.2016 * x)
        envelope = polynomial_cutoff(r / (radii[i] + radii[j]), self.order)
        # 14.3996 eV angstrom = e^2 / (4 pi eps0); 0.529 above is the Bohr radius, to the digits of the published model
        pairs = 0.5 * 14.3996 * numbers[i] * numbers[j] / r * phi * envelope
        return torch.zeros([n_local], dtype=r.dtype, device=r.device).index_add(0, centre, pairs)
