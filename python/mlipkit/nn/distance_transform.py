# SPDX-License-Identifier: MIT
"""Distances rescaled by the sizes of the two atoms before the radial basis sees them, as in MACE."""

import torch
from torch import Tensor, nn


class NoTransform(nn.Module):
    """Distances as they are."""

    def forward(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """[E] distances, [E] species of either end -> [E]."""
        return r


class PairTransform(nn.Module):
    """What both transforms share: the covalent radii of the species, angstrom."""

    radii: Tensor

    def __init__(self, radii: list[float]) -> None:
        super().__init__()
        values = torch.tensor(radii, dtype=torch.float64)
        self.register_buffer("radii", values.to(torch.get_default_dtype()), persistent=False)

    def sum_of_radii(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """[E] in the dtype of the distances."""
        radii = self.radii.to(r.dtype)
        return radii.index_select(0, first) + radii.index_select(0, second)


class AgnesiTransform(PairTransform):
    """1 / (1 + a s^q / (1 + s^(q-p))) with s = r / r0, r0 the mean of the covalent radii (Witt et al., J. Chem. Phys.
    159, 164101, 2023): 1 at short distance, small at large distance, steepest near r0."""

    def __init__(self, radii: list[float], a: float, q: float, p: float) -> None:
        super().__init__(radii)
        self.a, self.q, self.p = a, q, p

    def forward(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """[E] distances, [E] species of either end -> [E] without unit."""
        s = r / (0.5 * self.sum_of_radii(r, first, second))
        # a s^q / (1 + s^(q-p)) with numerator and denominator times s^(p-q): no overflow where s is small
        return 1.0 / (1.0 + self.a * torch.pow(s, self.p) / (torch.pow(s, self.p - self.q) + 1.0))


class SoftTransform(PairTransform):
    """r at large distance and 3/4 of the sum r0 of the covalent radii at short distance, with a tanh between 3/4 r0 and
    4/3 r0 of the given steepness."""

    def __init__(self, radii: list[float], steepness: float) -> None:
        super().__init__(radii)
        self.steepness = steepness

    def forward(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """[E] distances, [E] species of either end -> [E] angstrom."""
        bond = self.sum_of_radii(r, first, second)
        low, high = 0.75 * bond, 4.0 / 3.0 * bond
        steps = self.steepness / (high - low) * (r - 0.5 * (low + high))
        return low + (r - low) * (0.5 * (1.0 + torch.tanh(steps)))
