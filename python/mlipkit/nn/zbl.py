# SPDX-License-Identifier: MIT
"""Ziegler-Biersack-Littmark repulsion of nuclei at short range, as in MACE: exact where data end, no parameters."""

import torch
from ase.data import atomic_numbers
from torch import Tensor, nn

from mlipkit.nn.radial import polynomial_cutoff

# To the digits of the published model:
BOHR = 0.529  # angstrom
COULOMB = 14.3996  # e^2 / (4 pi eps0), eV angstrom


class ZBLRepulsion(nn.Module):
    """Screened Coulomb repulsion (Ziegler, Biersack, Littmark 1985), switched off smoothly at the sum of the two
    covalent radii (angstrom); half of each pair's energy goes to each atom. The screening length is ``prefactor`` Bohr
    radii over the sum of the two nuclear charges to the power ``exponent``; ``coefficients`` are those of the four
    exponentials of the screening function."""

    numbers: Tensor
    radii: Tensor
    screening: Tensor
    coefficients: Tensor

    def __init__(
        self,
        species: list[str],
        radii: list[float],
        order: int,
        exponent: float,
        prefactor: float,
        coefficients: tuple[float, float, float, float],
    ) -> None:
        super().__init__()
        self.order = order
        self.coulomb = COULOMB
        numbers = torch.tensor([atomic_numbers[symbol] for symbol in species], dtype=torch.float64)
        tables = {
            "numbers": numbers,
            "radii": torch.tensor(radii, dtype=torch.float64),
            "screening": numbers**exponent / (prefactor * BOHR),
            "coefficients": torch.tensor(coefficients, dtype=torch.float64),
        }
        for name, table in tables.items():
            self.register_buffer(name, table.to(torch.get_default_dtype()), persistent=False)

    def forward(self, r: Tensor, centre: Tensor, neighbour: Tensor, species: Tensor, n_local: int) -> Tensor:
        """[E] distances -> [n_local] energies, eV."""
        i, j = species.index_select(0, centre), species.index_select(0, neighbour)
        numbers, radii, screening = self.numbers.to(r.dtype), self.radii.to(r.dtype), self.screening.to(r.dtype)
        x = r * (screening[i] + screening[j])
        c = self.coefficients.to(r.dtype)
        phi = c[0] * torch.exp(-3.2 * x) + c[1] * torch.exp(-0.9423 * x)
        phi = phi + c[2] * torch.exp(-0.4028 * x) + c[3] * torch.exp(-0.2016 * x)
        envelope = polynomial_cutoff(r / (radii[i] + radii[j]), self.order)
        pairs = 0.5 * self.coulomb * numbers[i] * numbers[j] / r * phi * envelope
        return torch.zeros([n_local], dtype=r.dtype, device=r.device).index_add(0, centre, pairs)
