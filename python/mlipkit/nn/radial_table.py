# SPDX-License-Identifier: MIT
"""Radial weights as tables of the distance, for inference.

At evenly spaced knots a table holds values, slopes and second derivatives; polynomials of fifth degree between them are
continuous to the second derivative. Knots are added until the slopes between them are good to some millionths.
"""

import torch
from torch import Tensor

FIRST_KNOT = 0.1  # angstrom; closer atoms meet the first polynomial, extrapolated
KNOTS = [96, 128, 160, 256, 384, 512]  # as few as do; with 128 channels and four paths 128 of them are 0.8 MB
SLOPE_ERROR = 3e-6  # relative to the steepest weight of the layer
CLOSEST = 0.6  # angstrom; closer than this the error does not count
SAMPLES = 9  # distances around each knot at which the weights are evaluated, from half a spacing before to half after


# Numbers of this module are default arguments below: TorchScript reads no globals.


def knots_per_length(cutoff: float, n_knots: int, first: float = FIRST_KNOT) -> float:
    """Per angstrom; the last knot is at the cutoff."""
    return (n_knots - 1) / (cutoff - first)


def sample_distances(
    cutoff: float, n_knots: int, device: torch.device, first: float = FIRST_KNOT, n_samples: int = SAMPLES
) -> Tensor:
    """[knots * samples] distances at which :func:`table_of_samples` wants the weights, float64."""
    spacing = 1.0 / knots_per_length(cutoff, n_knots)
    knots = first + spacing * torch.arange(n_knots, dtype=torch.float64, device=device)
    steps = torch.arange(n_samples, dtype=torch.float64, device=device) - n_samples // 2
    return (knots.unsqueeze(1) + steps * (spacing / (n_samples - 1))).flatten()


def table_of_samples(weights: Tensor, n_samples: int = SAMPLES) -> Tensor:
    """The table that ``torch.ops.mlip.convolution_table`` takes.

    Derivatives are central differences of eighth order (Fornberg, Math. Comp. 51, 699, 1988).

    Args:
        weights: [knots * samples, paths, channels], float64, zero from the cutoff on with two continuous derivatives.

    Returns:
        [knots, 3, paths, channels].
    """
    samples = weights.view(-1, n_samples, weights.shape[1], weights.shape[2])
    # whole numbers, because TorchScript rounds the entries of a tensor to single precision
    slope = torch.tensor([3.0, -32.0, 168.0, -672.0, 0.0, 672.0, -168.0, 32.0, -3.0]).to(weights) / 840.0
    bend = torch.tensor([-9.0, 128.0, -1008.0, 8064.0, -14350.0, 8064.0, -1008.0, 128.0, -9.0]).to(weights) / 5040.0
    steps = float(n_samples - 1)  # per spacing of the knots
    rows = torch.stack(
        [
            samples[:, n_samples // 2],
            (samples * slope.view(1, -1, 1, 1)).sum(1) * steps,
            (samples * bend.view(1, -1, 1, 1)).sum(1) * (steps * steps),
        ],
        dim=1,
    )
    rows[-1] = 0.0  # differences across the cutoff see its third derivative jump
    return rows


def slope_error(
    table: Tensor,
    weights: Tensor,
    cutoff: float,
    first: float = FIRST_KNOT,
    closest: float = CLOSEST,
    n_samples: int = SAMPLES,
) -> float:
    """Largest error of a slope between knots, relative to the steepest slope of all weights.

    Half-way between knots the polynomial misses by d; its slope by at most 3.43 d / spacing, because the error of
    fifth-degree Hermite interpolation goes as (t (1 - t))^3.
    """
    exact = weights.view(-1, n_samples, weights.shape[1], weights.shape[2])[:-1, n_samples - 1]
    a, b = table[:-1], table[1:]
    middle = (a[:, 0] + b[:, 0]) / 2.0 + (a[:, 1] - b[:, 1]) * (5.0 / 32.0) + (a[:, 2] + b[:, 2]) / 64.0
    skipped = int((closest - first) * knots_per_length(cutoff, table.shape[0]))
    error = 3.43 * (middle - exact)[skipped:].abs().max()
    return float((error / table[skipped:, 1].abs().max().clamp(min=1e-300)).item())
