# SPDX-License-Identifier: MIT
"""Edges of a structure in TorchScript, with a number of candidates that grows like the number of atoms.

Atoms are wrapped into the cell, the images that come within the cutoff of it are made points of their own, and points
are sorted into cubes as wide as the cutoff: neighbours lie in the same cube or in one next to it.
"""

from typing import Optional

import torch
from torch import Tensor

MOST_CUBES = 1000000  # along an axis: beyond, cubes get wider, so that their numbers stay far from overflowing


def edges(positions: Tensor, box: Optional[Tensor], cutoff: float) -> tuple[Tensor, Tensor, Tensor]:  # noqa: UP045
    """All pairs closer than the cutoff, in both directions, by centre.

    Args:
        positions: [N, 3], need not be wrapped.
        box: [3, 3] rows are the vectors of a cell that is periodic in all three directions; None: no images.
        cutoff: in the unit of the positions; may exceed the cell.

    Returns:
        centre [E], neighbour [E], and r_ij [E, 3], differentiable by the positions and the box.
    """
    sites = positions.detach()
    owner = torch.arange(sites.shape[0], device=sites.device)
    shift = torch.zeros_like(sites)
    points = sites
    if box is not None:
        cell = box.detach()
        inverse = torch.linalg.inv(cell)
        fractional = sites @ inverse
        wrapping = -torch.floor(fractional)
        # Columns of the inverse are as long as the planes of lattice points are dense.
        owner, images = images_near_cell(fractional + wrapping, cutoff * torch.linalg.vector_norm(inverse, dim=0))
        shift = images + wrapping.index_select(0, owner)
        points = sites.index_select(0, owner) + shift @ cell
    centre, point = candidates(points, sites.shape[0], cutoff)
    vectors = points.index_select(0, point) - points.index_select(0, centre)
    near = (vectors * vectors).sum(1) < cutoff * cutoff
    pairs = (near & (centre != point)).nonzero().squeeze(1)
    centre, point = centre.index_select(0, pairs), point.index_select(0, pairs)
    neighbour = owner.index_select(0, point)
    r_ij = positions.index_select(0, neighbour) - positions.index_select(0, centre)
    if box is not None:
        r_ij = r_ij + (shift.index_select(0, point) - shift.index_select(0, centre)) @ box
    return centre, neighbour, r_ij


def images_near_cell(fractional: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """The atoms of a cell and those of their images that lie less than ``reach`` outside of it.

    Args:
        fractional: [N, 3] from 0 to 1.
        reach: [3] along each vector of the cell, in units of its length.

    Returns:
        owner [P] and shift [P, 3], whole numbers; the atoms themselves come first.
    """
    owner = torch.arange(fractional.shape[0], device=fractional.device)
    shift = torch.zeros_like(fractional)
    for axis in range(3):
        limit = float(reach[axis].item())
        most = int(limit) + 1
        owners, shifts = [owner], [shift]
        for step in range(-most, most + 1):
            if step != 0:
                place = fractional[:, axis].index_select(0, owner) + step
                inside = ((place >= -limit) & (place <= 1.0 + limit)).nonzero().squeeze(1)
                moved = shift.index_select(0, inside)
                moved[:, axis] = step
                owners.append(owner.index_select(0, inside))
                shifts.append(moved)
        owner, shift = torch.cat(owners), torch.cat(shifts)
    return owner, shift


def candidates(points: Tensor, n_centres: int, cutoff: float, most: int = MOST_CUBES) -> tuple[Tensor, Tensor]:
    """Pairs of a centre and a point, by centre, among them all that are closer than the cutoff.

    Args:
        points: [P, 3]; the first ``n_centres`` are the centres.

    Returns:
        Numbers of the centre and of the point of each pair; a centre meets itself too.
    """
    low = points.amin(0)
    width = ((points.amax(0) - low) / most).clamp(min=cutoff)
    cube = ((points - low) / width).floor().to(torch.int64) + 1  # an empty cube at either end
    number = cube.amax(0) + 2
    last = torch.ones_like(number[2])
    stride = torch.stack([number[1] * number[2], number[2], last])
    key, order = torch.sort((cube * stride).sum(1))
    step = torch.arange(-1, 2, device=points.device)
    rows = (step.unsqueeze(1) * stride[0] + step * stride[1]).flatten()  # nine rows of three cubes each
    middle = ((cube[:n_centres] * stride).sum(1).unsqueeze(1) + rows).flatten()
    first = torch.searchsorted(key, middle - 1)
    count = torch.searchsorted(key, middle + 1, right=True) - first
    centre = torch.arange(n_centres, device=points.device).repeat_interleave(rows.shape[0]).repeat_interleave(count)
    before = torch.cumsum(count, 0) - count
    place = torch.arange(centre.shape[0], device=points.device) + (first - before).repeat_interleave(count)
    return centre, order.index_select(0, place)
