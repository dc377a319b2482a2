# SPDX-License-Identifier: MIT
"""Reference energies: isolated atoms win, the fit is exact where it can be, and says where it cannot."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mlipkit.data.errors import DataError
from mlipkit.data.reference import reference_energies, undetermined_combinations
from mlipkit.data.structure import Structure
from mlipkit.data.table import Tables

E0 = {"H": -13.6, "C": -1030.0, "O": -2040.0}
NUMBERS = {"H": 1, "C": 6, "O": 8}


def structure(formula: str, energy: float | None = None, config_type: str = "") -> Structure:
    numbers = np.array([NUMBERS[symbol] for symbol in formula])
    total = sum(E0[symbol] for symbol in formula) if energy is None else energy
    return Structure(
        numbers=numbers,
        positions=np.arange(3.0 * len(numbers)).reshape(-1, 3),
        cell=np.zeros((3, 3)),
        pbc=(False, False, False),
        file="x.extxyz",
        frame=0,
        task="pbe",
        config_type=config_type,
        energy=total,
    )


def test_least_squares_is_exact_where_compositions_suffice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reference_energies("pbe", ["H", "C", "O"], [], [structure(f) for f in ("OHH", "CHHHH", "COO")], {})
    assert found.values == pytest.approx(E0)
    assert set(found.source.values()) == {"least squares"}
    assert found.undetermined == []


def test_water_alone_is_collinear() -> None:
    frames = [structure("OHH" * n, energy=-100.0 * n) for n in (1, 2, 5)]
    with pytest.warns(UserWarning, match=r"do not determine .* \+1 H -2 O"):
        found = reference_energies("pbe", ["H", "O"], [], frames, {})
    assert found.undetermined == ["+1 H -2 O"]
    assert 2 * found.values["H"] + found.values["O"] == pytest.approx(-100.0)
    # minimum norm: along the composition vector
    assert found.values["H"] == pytest.approx(2 * found.values["O"])


def test_isolated_atoms_win() -> None:
    frames = [structure("OHH", energy=-100.0), structure("OHHOHH", energy=-200.0)]
    isolated = [structure("H", energy=-10.0), structure("O", energy=-70.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reference_energies("pbe", ["H", "O"], isolated, frames, {})
    assert found.values == {"H": -10.0, "O": -70.0}
    with pytest.warns(UserWarning, match=r"E0\(H\) = -10.000000 eV of the isolated atom .* not -13.600000 eV"):
        found = reference_energies("pbe", ["H", "O"], isolated, frames, {"H": -13.6})
    assert found.values == {"H": -10.0, "O": -70.0}
    assert found.source == {"H": "isolated atom", "O": "isolated atom"}


def test_fit_serves_what_is_left() -> None:
    frames = [structure("OHH", energy=-100.0), structure("OHHOHH", energy=-200.0)]
    found = reference_energies("pbe", ["H", "O"], [structure("H", energy=-10.0)], frames, {})
    assert found.values == pytest.approx({"H": -10.0, "O": -80.0})
    found = reference_energies("pbe", ["H", "O"], [], frames, {"O": -90.0})
    assert found.values == pytest.approx({"H": -5.0, "O": -90.0})
    assert found.source == {"H": "least squares", "O": "configuration"}


def test_contradictions_and_gaps() -> None:
    frames = [structure("OHH")]
    with pytest.raises(DataError, match=r"isolated H has -11\.0+ eV, but -10\.0+ eV in x\.extxyz, frame 0"):
        reference_energies("pbe", ["H", "O"], [structure("H", energy=-10.0), structure("H", energy=-11.0)], frames, {})
    with pytest.raises(DataError, match=r"no E0 for C: .* set data\.tasks\.pbe\.e0\.C"):
        reference_energies("pbe", ["H", "C", "O"], [structure("H")], frames, {})
    with pytest.raises(DataError, match=r"data\.tasks\.pbe\.e0 names N; the species are H, O"):
        reference_energies("pbe", ["H", "O"], [], frames, {"N": -1.0})


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[2, 1], [4, 2]], ["+1 H -2 O"]),
        ([[2, 1], [4, 1]], []),
        ([[1, 0, 0]], ["+1 C", "+1 O"]),
        ([[4, 1, 0], [2, 0, 1]], ["+1 H -4 C -2 O"]),
        ([[3, 2, 0]], ["+2 H -3 C", "+1 O"]),
    ],
)
def test_undetermined_combinations(counts: list[list[int]], expected: list[str]) -> None:
    species = ["H", "O"] if len(counts[0]) == 2 else ["H", "C", "O"]
    assert undetermined_combinations(np.array(counts), species) == expected


def test_what_counts_as_isolated() -> None:
    marked = {"config_type": "IsolatedAtom"}
    structures = [structure("H"), structure("H"), structure("H", **marked), structure("OHH", **marked)]
    graphs = [SimpleNamespace(centre=torch.zeros(n), r_ij=torch.ones(n, 3)) for n in (0, 12, 12, 0)]
    table = Tables().of(structures, graphs)
    assert table.isolated().tolist() == [True, False, True, False]  # the second is one atom in a crystal


def test_table_of_structures_has_the_same_fit() -> None:
    """Compositions that come several times, energies that no E0 fit exactly."""
    random = np.random.default_rng(0)
    structures = [
        structure(f, -2000.0 * len(f) + random.normal()) for f in ("OHH", "OHH", "COO", "CHHHH", "OHHOHH") * 3
    ]
    structures.append(structure("OHH"))
    structures[-1].energy = None
    graphs = [SimpleNamespace(centre=torch.zeros(1), r_ij=torch.ones(1, 3)) for _ in structures]
    for given in ({}, {"C": -1000.0}):
        one = reference_energies("pbe", ["H", "C", "O"], [], structures, given)
        other = reference_energies("pbe", ["H", "C", "O"], [], Tables().of(structures, graphs), given)
        assert other.values == pytest.approx(one.values, abs=1e-8)
    with pytest.warns(UserWarning, match="do not determine"):
        found = reference_energies("pbe", ["H", "O"], [], Tables().of(structures[:2], graphs[:2]), {})
    assert found.undetermined == ["+1 H -2 O"]
