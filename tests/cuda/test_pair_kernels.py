# SPDX-License-Identifier: MIT
"""Lists, edges and sums on a device, emulated, against the engine on a processor: structures of every awkward kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulated_library import EmulatedLibrary
from engine_ranks import Rank, Ranks
from engine_toy import CUTOFF, write_artifact
from numpy.typing import NDArray
from random_cells import KINDS, Case, random_case

from mlipkit.interfaces.engine import Engine, Result
from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList

ROUNDING = {"double": 1e-11, "mixed": 3e-5, "single": 3e-5}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("device") / "toy.pt")


@pytest.fixture
def processor(toy: Path) -> dict[str, Engine]:
    """Opened before the emulation begins: its pairs stay on the processor."""
    return {precision: Engine(toy, precision=precision, task="pbe", threads=1) for precision in ROUNDING}


def structure(kind: str, seed: int) -> tuple[list[int], NDArray, NDArray, NDArray]:
    case = random_case(kind, seed)
    species = np.random.default_rng(seed).integers(0, 3, len(case.positions)).tolist()
    return species, case.positions, case.cell, case.pbc


def assert_same(found: Result, expected: Result, precision: str) -> None:
    atol = ROUNDING[precision] * max(1.0, np.abs(expected.forces).max(initial=0))
    assert found.energy == pytest.approx(expected.energy, rel=1e-13, abs=atol)
    np.testing.assert_allclose(found.forces, expected.forces, atol=atol)
    np.testing.assert_allclose(found.virial, expected.virial, atol=10 * atol)
    for name in ("energies", "virials"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, atol=10 * atol, rtol=1e-13)


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("kind", KINDS)
def test_own_list(
    processor: dict[str, Engine], emulator: EmulatedLibrary, toy: Path, kind: str, precision: str
) -> None:
    device = Engine(toy, precision=precision, task="pbe", threads=1)
    emulator.order(3)
    for seed in (2, 7):
        inputs = structure(kind, seed)
        for wanted in ({}, {"energies": True, "virials": True}):
            expected = processor[precision].compute(*inputs, **wanted)
            assert_same(device.compute(*inputs, **wanted), expected, precision)
        assert device.compute_energy(*inputs).energy == pytest.approx(expected.energy, rel=1e-13, abs=1e-5)


def test_order_of_threads_changes_no_bit(emulator: EmulatedLibrary, toy: Path) -> None:
    device = Engine(toy, task="pbe", threads=1)
    inputs = structure("triclinic", 7)
    results = []
    for order in (0, 1, 5):
        emulator.order(order)
        results.append(device.compute(*inputs, virials=True))
    for result in results[1:]:
        assert result.energy == results[0].energy
        np.testing.assert_array_equal(result.forces, results[0].forces)
        np.testing.assert_array_equal(result.virials, results[0].virials)
        np.testing.assert_array_equal(result.virial, results[0].virial)


def test_same_order_of_edges(processor: dict[str, Engine], emulator: EmulatedLibrary, toy: Path) -> None:
    """Energies of atoms are sums over their edges in order: they are the same to the last bit."""
    device = Engine(toy, task="pbe", threads=1)
    for kind in ("triclinic", "tiny", "unwrapped"):
        inputs = structure(kind, 7)
        expected = processor["double"].compute(*inputs, energies=True)
        np.testing.assert_array_equal(device.compute(*inputs, energies=True).energies, expected.energies)


def test_skin_keeps_the_list(processor: dict[str, Engine], emulator: EmulatedLibrary, toy: Path) -> None:
    device = Engine(toy, task="pbe", threads=1)
    species, positions, cell, pbc = structure("triclinic", 7)
    neighbours = NeighbourList(CUTOFF, skin=1.0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        positions = positions + rng.uniform(-0.1, 0.1, positions.shape)
        inputs = (species, positions, cell, pbc)
        assert_same(device.compute(*inputs, neighbours), processor["double"].compute(*inputs), "double")
    assert neighbours.builds == 1
    processor["double"].compute(species, positions, cell, pbc, neighbours)
    assert neighbours.builds == 2  # the processor keeps pairs of its own
    device.compute([1] * len(species), positions, cell, pbc, neighbours)
    assert neighbours.builds == 3


def host_list(case: Case, cutoff: float) -> tuple[NDArray, NDArray, NDArray]:
    far = NeighbourList(cutoff).update(case.positions, case.cell, case.pbc)
    return np.searchsorted(far.centre, np.arange(len(case.positions) + 1)), far.neighbour, far.shifts


@pytest.mark.parametrize("kind", ["triclinic", "open", "one atom"])
def test_list_of_a_host(processor: dict[str, Engine], emulator: EmulatedLibrary, toy: Path, kind: str) -> None:
    device = Engine(toy, task="pbe", threads=1)
    species, positions, cell, pbc = structure(kind, 7)
    case = Case(positions, cell, pbc, CUTOFF)
    device.set_pairs(species, *host_list(case, CUTOFF + 1.0))
    for step in range(2):
        moved = positions + 0.1 * step
        moved[0] += 0.2 * step
        found = device.evaluate_pairs(moved, np.where(pbc[:, None], cell, 0.0), virials=True)
        assert_same(found, processor["double"].compute(species, moved, cell, pbc, virials=True), "double")


@pytest.mark.parametrize("broken", [False, True])
def test_ranks(processor: dict[str, Engine], emulator: EmulatedLibrary, toy: Path, broken: bool) -> None:
    """One rank after the other cannot be emulated: they meet in exchanges. A single rank with ghosts can."""
    species, positions, cell, pbc = structure("triclinic", 7)
    case = Case(positions, cell, pbc, CUTOFF)
    ranks = Ranks(toy, case, species, [0] * len(species), 1, "double")
    rank: Rank = ranks.ranks[0]
    first = np.searchsorted(rank.centre, np.arange(len(species) + 1))
    places = np.zeros((len(rank.species), 3))
    places[: len(species)] = positions
    for centre, neighbour, r_ij in zip(rank.centre, rank.neighbour, rank.r_ij, strict=True):
        places[neighbour] = positions[centre] + r_ij
    engine = ranks.engines[0]
    engine.set_pairs(rank.species, first, rank.neighbour)
    if not broken:
        found = engine.evaluate_pairs(places)
        expected = processor["double"].compute(species, positions, cell, pbc)
        assert found.energy == pytest.approx(expected.energy, rel=1e-13)
        np.testing.assert_allclose(ranks.fold([found.forces]), expected.forces, atol=1e-11)
        return
    places[1] = np.nan
    with pytest.raises(EngineError, match="not finite") as caught:
        engine.evaluate_pairs(places)
    assert caught.value.status == Status.NUMERIC
    assert [exchange[0] for exchange in rank.exchanges] == ["forward", "reverse"]


def test_atoms_at_the_same_place(emulator: EmulatedLibrary, toy: Path) -> None:
    device = Engine(toy, task="pbe", threads=1)
    with pytest.raises(EngineError, match="atoms 0 and 2 are at the same place"):
        device.compute([0, 0, 0], [[1.0, 0, 0], [0.0, 0, 0], [1.0, 0, 0]])


@pytest.mark.parametrize("hosts_list", [False, True])
def test_nothing_at_all(emulator: EmulatedLibrary, toy: Path, hosts_list: bool) -> None:
    device = Engine(toy, task="pbe", threads=1)
    nothing: Any = np.zeros((0, 3))
    if hosts_list:
        device.set_pairs([], [0], [])
        result = device.evaluate_pairs(nothing)
    else:
        device.compute([0, 1], [[0.0, 0, 0], [1.0, 0, 0]])  # some kernel has to run
        result = device.compute([], nothing)
    device.compute([0, 1], [[0.0, 0, 0], [1.0, 0, 0]])
    assert result.energy == 0.0
    np.testing.assert_array_equal(result.virial, np.zeros(6))
    assert result.forces.shape == (0, 3)
