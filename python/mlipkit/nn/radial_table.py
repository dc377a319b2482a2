# SPDX-License-Identifier: MIT
"""Radial weights as tables of the distance, for inference: uniform B-splines of fifth degree.

Splines interpolate the weights at evenly spaced knots and are continuous to the fourth derivative. Knots are added
until the slopes between them are good to a millionth.
"""

import torch
from torch import Tensor

FIRST_KNOT = 0.1  # angstrom; closer atoms meet the first polynomial, extrapolated
KNOTS = [96, 128, 160, 176, 192, 208, 224, 256, 320, 384, 512]  # as few as do; four paths, 128 channels, 208: 0.4 MB
SLOPE_ERROR = 1e-6  # relative to the steepest weight of the layer
CLOSEST = 0.6  # angstrom; closer than this the error does not count
SAMPLES = 8  # distances per interval at which the weights are evaluated, and half as many beyond both ends


# Numbers of this module are default arguments below: TorchScript reads no globals. Constants are whole numbers,
# because TorchScript rounds the entries of a tensor to single precision.


def knots_per_length(cutoff: float, n_knots: int, first: float = FIRST_KNOT) -> float:
    """Per angstrom; the last knot is at the cutoff."""
    return (n_knots - 1) / (cutoff - first)


def sample_distances(
    cutoff: float, n_knots: int, device: torch.device, first: float = FIRST_KNOT, n_samples: int = SAMPLES
) -> Tensor:
    """[knots * samples + 1] distances at which :func:`table_of_samples` wants the weights, float64."""
    steps = torch.arange(n_knots * n_samples + 1, dtype=torch.float64, device=device) - n_samples // 2
    return first + steps / (n_samples * knots_per_length(cutoff, n_knots))


def table_of_samples(weights: Tensor, n_samples: int = SAMPLES) -> Tensor:
    """The table that ``torch.ops.mlip.convolution_table`` takes.

    Interpolation at the knots; at the first one slope and second derivative are central differences of eighth order
    (Fornberg, Math. Comp. 51, 699, 1988), at the last one they are zero, as the value is. Differences across the cutoff
    are of no use, because the third derivative jumps there.

    Args:
        weights: [knots * samples + 1, ...], float64, zero from the cutoff on with two continuous derivatives.

    Returns:
        [knots + 4, ...]: the coefficients of the B-splines.
    """
    columns = weights.flatten(1)
    n_knots = (columns.shape[0] - 1) // n_samples
    slope = torch.tensor([3, -32, 168, -672, 0, 672, -168, 32, -3]).to(columns) / 840
    bend = torch.tensor([-9, 128, -1008, 8064, -14350, 8064, -1008, 128, -9]).to(columns) / 5040
    # value, slope and second derivative at a knot times 120, 24 and 6, from the five coefficients around it
    at_knot = torch.tensor([[1, 26, 66, 26, 1], [-1, -10, 0, 10, 1], [1, 2, -6, 2, 1]]).to(columns)
    matrix = columns.new_zeros([n_knots + 4, n_knots + 4])
    wanted = columns.new_zeros([n_knots + 4, columns.shape[1]])
    for k in range(5):
        matrix.diagonal(k)[:n_knots].copy_(at_knot[0, k].expand(n_knots))
    wanted[: n_knots - 1] = 120 * columns[n_samples // 2 : -n_samples : n_samples]
    matrix[n_knots : n_knots + 2, :5] = at_knot[1:]
    wanted[n_knots] = 24 * n_samples * (slope.unsqueeze(0) @ columns[: n_samples + 1])[0]
    wanted[n_knots + 1] = 6 * n_samples * n_samples * (bend.unsqueeze(0) @ columns[: n_samples + 1])[0]
    matrix[n_knots + 2 :, n_knots - 1 :] = at_knot[1:]
    return torch.linalg.solve(matrix, wanted).view([n_knots + 4] + list(weights.shape[1:]))  # noqa: RUF005  (TorchScript)


def too_few_knots(n_knots: int, tried: int, error: float, wanted: float, most: int = KNOTS[-1]) -> bool:
    """Whether so many cannot do, judging by the error of fewer that were tried (0: none were).

    Slopes converge with the fifth power of the spacing, faster while features of the weights are hardly resolved; not
    faster than with the eighth.
    """
    return tried > 0 and n_knots < most and error * (tried / n_knots) ** 8 > wanted


def spline_pieces(t: Tensor) -> Tensor:
    """The six pieces of the B-spline of fifth degree: at k + t a table is their sum with its rows k .. k + 5.

    Args:
        t: [n] from the knot before, in spacings.

    Returns:
        [n, 6].
    """
    x = torch.stack([t, 1 - t])
    middle = 26 + x * (-50 + x * (20 + x * (20 + x * (-20 + x * 5))))
    inner = 66 + x * x * (-60 + x * x * (30 - x * 10))
    outer = x**5
    return torch.stack([outer[1], middle[0], inner[0], inner[1], middle[1], outer[0]], dim=1) / 120


def slope_error(
    table: Tensor,
    weights: Tensor,
    cutoff: float,
    first: float = FIRST_KNOT,
    closest: float = CLOSEST,
    n_samples: int = SAMPLES,
) -> float:
    """Largest error of a slope, relative to the steepest slope of all weights.

    Slopes are those between neighbouring samples. Values are exact at the knots, so their error is smaller than that of
    the slopes times the spacing.
    """
    n_intervals = table.shape[0] - 5
    pieces = spline_pieces(torch.arange(n_samples, device=table.device).to(table) / n_samples)
    splines = torch.einsum("sm,k...m->ks...", pieces, table.unfold(0, 6, 1)).flatten(0, 1)
    skipped = int((closest - first) * knots_per_length(cutoff, n_intervals + 1)) * n_samples
    exact = weights[n_samples // 2 :][: n_intervals * n_samples][skipped:]
    error = torch.diff(splines[skipped:] - exact, dim=0).abs().max()
    return float((error / torch.diff(exact, dim=0).abs().max().clamp(min=1e-300)).item())
