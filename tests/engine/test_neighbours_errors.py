# SPDX-License-Identifier: MIT
"""Bad input of the neighbour list: status and message."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList


def refusal(call: Callable[[], object]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(("cutoff", "skin"), [(0.0, 0.0), (-1.0, 0.0), (np.nan, 0.0), (np.inf, 0.0)])
def test_cutoff(cutoff: float, skin: float) -> None:
    error = refusal(lambda: NeighbourList(cutoff, skin))
    assert error.status == Status.ARGUMENT
    assert "cutoff" in error.message


@pytest.mark.parametrize("skin", [-0.1, np.nan])
def test_skin(skin: float) -> None:
    assert "skin" in refusal(lambda: NeighbourList(3.0, skin)).message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_positions_that_are_not_finite(value: float) -> None:
    positions = np.zeros((4, 3)) + np.arange(4)[:, None]
    positions[2, 1] = value
    error = refusal(lambda: NeighbourList(3.0).update(positions))
    assert error.status == Status.NUMERIC
    assert "atom 2" in error.message


@pytest.mark.parametrize(
    ("cell", "pbc"),
    [
        (np.zeros((3, 3)), [True, True, True]),
        (np.diag([4.0, 4.0, 0.0]), [False, False, True]),
        ([[4.0, 0, 0], [8.0, 0, 0], [0, 0, 4.0]], [True, True, True]),
        ([[4.0, 0, 0], [8.0, 0, 0], [0, 0, 4.0]], [True, True, False]),
        ([[4.0, 0, 0], [0, 4.0, 0], [1.0, 1.0, 0]], [True, True, True]),
        ([[1.0, 0.5, 0], [np.sqrt(2), np.sqrt(0.5), 0], [0, 0, 4.0]], [True, True, False]),
    ],
)
def test_degenerate_cell(cell: object, pbc: list[bool]) -> None:
    error = refusal(lambda: NeighbourList(3.0).update(np.zeros((1, 3)), cell, pbc))
    assert error.status == Status.ARGUMENT
    assert "linearly dependent" in error.message


def test_periodic_without_cell() -> None:
    assert refusal(lambda: NeighbourList(3.0).update(np.zeros((1, 3)), None, True)).status == Status.ARGUMENT


def test_cell_that_is_not_finite() -> None:
    cell = np.diag([4.0, np.nan, 4.0])
    error = refusal(lambda: NeighbourList(3.0).update(np.zeros((1, 3)), cell, True))
    assert error.status == Status.NUMERIC
    assert "cell vector 1" in error.message


def test_cell_in_wrong_units_is_refused_and_exhausts_nothing() -> None:
    error = refusal(lambda: NeighbourList(6.0).update(np.zeros((1, 3)), np.eye(3) * 1e-2, True))
    assert error.status == Status.ARGUMENT
    assert "angstrom" in error.message


@pytest.mark.parametrize("pbc", [False, True])
def test_atoms_at_the_same_place(pbc: bool) -> None:
    positions = np.array([[0.0, 0, 0], [1.0, 1, 1], [3.0, 1, 1], [1.0, 1, 1]])
    if pbc:  # an image of the other atom
        positions[3, 0] += 2 * 7.3
    error = refusal(lambda: NeighbourList(3.0).update(positions, np.eye(3) * 7.3, pbc))
    assert error.status == Status.ARGUMENT
    assert "atoms 1 and 3" in error.message


@pytest.mark.parametrize(
    ("positions", "cell"), [(np.zeros((4, 2)), np.eye(3)), (np.zeros(3), np.eye(3)), (np.zeros((1, 3)), np.eye(2))]
)
def test_wrong_shapes(positions: np.ndarray, cell: np.ndarray) -> None:
    error = refusal(lambda: NeighbourList(3.0).update(positions, cell, True))
    assert error.status == Status.ARGUMENT
    assert "shape" in error.message
