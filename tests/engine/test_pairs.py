# SPDX-License-Identifier: MIT
"""A host's own list of pairs: kept while positions change, cut at the cutoff in every step, on ranks too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_ranks import Rank, Ranks
from engine_toy import CUTOFF
from numpy.typing import NDArray
from random_cells import KINDS, Case, random_case

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList

SKIN = 1.0


def structure(kind: str, seed: int = 7) -> tuple[Case, list[int]]:
    case = random_case(kind, seed)
    species = np.random.default_rng(seed).integers(0, 3, len(case.positions)).tolist()
    return Case(case.positions, case.cell, case.pbc, CUTOFF), species


def pairs_of(case: Case) -> tuple[NDArray, NDArray, NDArray]:
    """first, neighbour and shifts of everything within cutoff + skin."""
    far = NeighbourList(CUTOFF + SKIN).update(case.positions, case.cell, case.pbc)
    first = np.searchsorted(far.centre, np.arange(len(case.positions) + 1))
    return first, far.neighbour, far.shifts


def cell_of(case: Case) -> NDArray:
    return np.where(case.pbc[:, None], case.cell, 0.0)


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_list_serves_moved_atoms(toy_artifact: Path, kind: str, precision: str) -> None:
    engine, other = (Engine(toy_artifact, precision=precision, task="pbe", threads=1) for _ in range(2))
    case, species = structure(kind)
    engine.set_pairs(species, *pairs_of(case))
    rng = np.random.default_rng(1)
    for step in range(3):
        moved = case.positions + step * rng.uniform(-0.25, 0.25, case.positions.shape)
        found = engine.evaluate_pairs(moved, cell_of(case), energies=True, virials=True)
        expected = other.compute(species, moved, case.cell, case.pbc, energies=True, virials=True)
        scale = max(1.0, np.abs(expected.forces).max())
        atol = scale * (1e-12 if precision == "double" else 3e-5)  # another order of the edges
        assert found.energy == pytest.approx(expected.energy, rel=1e-14, abs=atol)
        np.testing.assert_allclose(found.forces, expected.forces, atol=atol)
        np.testing.assert_allclose(found.virial, expected.virial, atol=10 * atol)
        np.testing.assert_allclose(found.energies, expected.energies, atol=atol, rtol=1e-14)
        np.testing.assert_allclose(found.virials, expected.virials, atol=10 * atol)


def crystal(n: int) -> Case:
    """n^3 atoms, enough pairs for several threads."""
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3), -1).reshape(-1, 3) * 1.5
    positions = grid + np.random.default_rng(2).uniform(-0.2, 0.2, grid.shape)
    return Case(positions, np.eye(3) * 1.5 * n, np.array([True] * 3), CUTOFF)


def test_threads_change_rounding_alone(toy_artifact: Path) -> None:
    case = crystal(13)
    species = np.arange(len(case.positions)) % 3
    results = []
    for threads in (1, 2, 2):
        engine = Engine(toy_artifact, task="pbe", threads=threads)
        assert len(pairs_of(case)[1]) > 100_000
        engine.set_pairs(species, *pairs_of(case))
        results.append(engine.evaluate_pairs(case.positions, case.cell, energies=True, virials=True))
    one, two, again = results
    np.testing.assert_array_equal(two.forces, again.forces)
    np.testing.assert_array_equal(two.virials, again.virials)
    assert two.energy == again.energy
    np.testing.assert_allclose(two.forces, one.forces, atol=1e-11)
    np.testing.assert_allclose(two.virials, one.virials, atol=1e-11)
    np.testing.assert_allclose(two.virial, one.virial, atol=1e-8)


def test_list_of_many_atoms_does_not_depend_on_threads(toy_artifact: Path) -> None:
    case = crystal(13)
    species = np.arange(len(case.positions)) % 3
    alone = NeighbourList(CUTOFF).update(case.positions, case.cell, case.pbc)
    engine = Engine(toy_artifact, task="pbe", threads=2)
    expected = engine.evaluate(species, alone.centre, alone.neighbour, alone.r_ij, virials=True)
    found = engine.compute(species, case.positions, case.cell, case.pbc, virials=True)
    np.testing.assert_array_equal(found.forces, expected.forces)
    np.testing.assert_array_equal(found.virials, expected.virials)


def host(rank: Rank, case: Case) -> tuple[dict[str, Any], NDArray]:
    """What a rank of a domain decomposition knows: pairs among its rows, and where local and ghost atoms are."""
    first = np.searchsorted(rank.centre, np.arange(len(rank.atoms) + 1))
    positions = np.zeros((len(rank.species), 3))
    positions[: len(rank.atoms)] = case.positions[rank.atoms]
    for centre, neighbour, r_ij in zip(rank.centre, rank.neighbour, rank.r_ij, strict=True):
        positions[neighbour] = case.positions[rank.atoms[centre]] + r_ij
    return {"species": rank.species, "first": first, "neighbour": rank.neighbour}, positions


def test_ranks_with_ghosts(toy_artifact: Path) -> None:
    case, species = structure("triclinic")
    whole = Engine(toy_artifact, task="pbe").compute(species, case.positions, case.cell, case.pbc)
    ranks = Ranks(toy_artifact, case, species, [k % 2 for k in range(len(species))], 3, "double")

    def run(rank: Rank) -> Any:
        pairs, positions = host(rank, case)
        engine = ranks.engines[rank.number]
        engine.set_pairs(**pairs)
        return engine.evaluate_pairs(positions)

    results = ranks.on_all(run)
    np.testing.assert_allclose(ranks.fold([r.forces for r in results]), whole.forces, atol=1e-11)
    assert sum(r.energy for r in results) == pytest.approx(whole.energy, rel=1e-14)


@pytest.mark.parametrize("fault", ["nan", "same place"])
def test_a_broken_rank_takes_part_in_the_exchanges(toy_artifact: Path, fault: str) -> None:
    """The others finish their step; the broken one reports after it."""
    case, species = structure("triclinic")
    ranks = Ranks(toy_artifact, case, species, [k % 2 for k in range(len(species))], 2, "double")

    def run(rank: Rank) -> Any:
        pairs, positions = host(rank, case)
        engine = ranks.engines[rank.number]
        if rank.number == 1:
            broken, other = 0, int(pairs["neighbour"][0])
            positions[broken] = np.nan if fault == "nan" else positions[other]
        engine.set_pairs(**pairs)
        try:
            return engine.evaluate_pairs(positions).energy
        except EngineError as error:
            return error

    fine, broken = ranks.on_all(run)
    assert isinstance(fine, float)
    assert isinstance(broken, EngineError)
    assert broken.status == Status.NUMERIC
    assert ("not finite" if fault == "nan" else "at the same place") in broken.message
    assert [e[0] for e in ranks.ranks[0].exchanges] == ["forward", "reverse"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (([0, 0], [0, 1], [1], None), ""),
        (([0, 0], [0, 1], [2], None), "pair 0 has neighbour 2; there are 2 atoms"),
        (([0, 0], [0, 1], [-1], None), "pair 0 has neighbour -1"),
        (([0, 7], [0, 1], [1], None), "atom 1 has species index 7"),
        (([0, 0], [1, 1], [1], None), "the pairs of the first centre must begin at 0"),
        (([0, 0], [0, 2, 1], [1], None), "the pairs of atom 1 end before they begin"),
        (([0], [0, 0, 0], [], None), "impossible sizes: n_local = 2, n_all = 1"),
        (([0, 0], [0, 1], [1], [[0, 0]]), "shifts must have shape"),
        (([0, 0], [], [], None), "first must have one entry more than local atoms"),
    ],
)
def test_impossible_pairs(engine: Engine, pairs: tuple[Any, ...], message: str) -> None:
    engine.set_halo(lambda rows: None, lambda rows: None)
    if not message:
        engine.set_pairs(*pairs)
        assert np.isfinite(engine.evaluate_pairs([[0.0, 0, 0], [1.0, 0, 0]]).energy)
        return
    with pytest.raises(EngineError, match=message) as caught:
        engine.set_pairs(*pairs)
    assert caught.value.status == Status.ARGUMENT
    with pytest.raises(EngineError, match="there are no pairs to evaluate"):
        engine.evaluate_pairs(np.zeros((0, 3)))


def test_pairs_are_forgotten_by_other_evaluations(engine: Engine) -> None:
    engine.set_pairs([0, 0], [0, 1, 2], [1, 0])
    engine.evaluate_pairs([[0.0, 0, 0], [1.0, 0, 0]])
    engine.compute([1, 1], [[0.0, 0, 0], [1.0, 0, 0]])
    with pytest.raises(EngineError, match="call mlip_set_pairs"):
        engine.evaluate_pairs([[0.0, 0, 0], [1.0, 0, 0]])
