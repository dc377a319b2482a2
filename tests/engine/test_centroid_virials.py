# SPDX-License-Identifier: MIT
"""Centroid virials W_j = sum_i (r_i - r_j) (x) dU_i/dr_j, for chains of neighbours that lead through several cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_ranks import Ranks
from engine_toy import CUTOFF
from numpy.typing import NDArray
from random_cells import Case

from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.export import export
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList
from mlipkit.nn import build_model
from mlipkit.nn.centroid_virials import centroid_virials
from random_models import random_checkpoint
from tolerances import DIFFERENCE_STEP, DIFFERENCE_TOLERANCE, TOLERANCES

COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1))
CELL = np.array([[3.1, 0.0, 0.0], [0.7, 2.9, 0.0], [-0.5, 0.4, 3.3]])
FRACTIONAL = np.array([[0.02, -0.01, 0.0], [0.5, 0.52, 0.1], [0.48, 0.05, 0.55], [1.03, 0.5, 0.5]])
POSITIONS, SPECIES = FRACTIONAL @ CELL, [0, 1, 1, 0]
PERIODIC = (SPECIES, POSITIONS, CELL, True)


@dataclass
class Frozen:
    checkpoint: Checkpoint
    path: Path

    @property
    def model(self) -> torch.nn.Module:
        """The model that was frozen, in float64."""
        model = build_model("mace", self.checkpoint.config).double()
        model.load_state_dict({name: p.double() for name, p in self.checkpoint.parameters.items()})
        return model.eval()


def frozen(factory: pytest.TempPathFactory, n_layers: int, **config: object) -> Frozen:
    options = {"species": ["H", "O"], "cutoff": 3.4, "channels": 4, "hidden_l_max": 1, "l_max": 2, "correlation": 2}
    tasks = [Task("default", "random numbers", {"H": -13.6, "O": -2041.3})]
    options |= {"n_layers": n_layers, "avg_num_neighbours": 30.0, **config}
    checkpoint = random_checkpoint(options, tasks, "float64", seed=n_layers)
    path = factory.mktemp("layers") / f"{n_layers}.pt"
    export(checkpoint, path)
    return Frozen(checkpoint, path)


@pytest.fixture(scope="module", params=[1, 2, 3])
def layers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    return frozen(tmp_path_factory, request.param)


def of_engine(engine: Engine, *structure: object) -> NDArray[np.float64]:
    found = engine.compute(*structure, centroid_virials=True).centroid_virials
    assert found is not None
    return found


def nine(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([matrices[:, a, b] for a, b in COMPONENTS], axis=1)


def by_differences(engine: Engine, repeats: int) -> NDArray[np.float64]:
    """Moves one atom of a crystal of many cells and asks all others how their energies change."""
    cells = np.array(list(np.ndindex(repeats, repeats, repeats)))
    x = (POSITIONS[None] + (cells @ CELL)[:, None]).reshape(-1, 3)
    middle = 4 * (len(cells) // 2)
    box, species = repeats * CELL, SPECIES * len(cells)
    found = np.zeros((4, 3, 3))
    for j in range(4):
        r = x - x[middle + j]
        r -= np.round(r @ np.linalg.inv(box)) @ box
        for b in range(3):
            energies = []
            for sign in (1, -1):
                moved = x.copy()
                moved[middle + j, b] += sign * DIFFERENCE_STEP
                energies.append(engine.compute(species, moved, box, True, energies=True).energies)
            found[j, :, b] = (energies[0] - energies[1]) @ r / (2 * DIFFERENCE_STEP)
    return found


def test_are_the_derivatives_of_atomic_energies(layers: Frozen) -> None:
    """In a crystal whose cell is shorter than the cutoff; the large one holds the whole range of the interaction."""
    n_layers = layers.checkpoint.config["n_layers"]
    engine = Engine(layers.path, precision="double")
    found = of_engine(engine, *PERIODIC)
    expected = nine(by_differences(engine, repeats=2 * n_layers + 2))
    np.testing.assert_allclose(found, expected, atol=DIFFERENCE_TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("pbc", [True, False, [True, False, True]])
def test_equal_the_definition(layers: Frozen, pbc: bool | list[bool]) -> None:
    structure = (SPECIES, POSITIONS, CELL, pbc)
    found = of_engine(Engine(layers.path, precision="double"), *structure)
    config = layers.checkpoint.config
    conditions = {"task": torch.tensor([0])}
    expected = nine(centroid_virials(layers.model, config["cutoff"], config["n_layers"], *structure, conditions))
    np.testing.assert_allclose(found, expected, atol=TOLERANCES["double"].virial)
    assert np.abs(expected).max() > 0.1


def test_of_a_host_s_pairs(water_artifact: Path) -> None:
    engine = Engine(water_artifact, precision="double")
    far = NeighbourList(5.0).update(POSITIONS, CELL, True)
    engine.set_pairs(SPECIES, np.searchsorted(far.centre, np.arange(5)), far.neighbour, far.shifts)
    found = engine.evaluate_pairs(POSITIONS, CELL, centroid_virials=True).centroid_virials
    np.testing.assert_allclose(found, of_engine(engine, *PERIODIC), atol=1e-12)


def test_sum_to_the_virial(layers: Frozen) -> None:
    result = Engine(layers.path, precision="double").compute(*PERIODIC, centroid_virials=True)
    total = result.centroid_virials.sum(axis=0)
    np.testing.assert_allclose(total[:6], result.virial, atol=1e-12 * np.abs(result.virial).max())
    np.testing.assert_allclose(total[6:], result.virial[3:], atol=1e-12 * np.abs(result.virial).max())


def test_leave_everything_else_as_it_is(layers: Frozen) -> None:
    engine = Engine(layers.path, precision="double")
    wanted = {"energies": True, "virials": True}
    plain, with_them = engine.compute(*PERIODIC, **wanted), engine.compute(*PERIODIC, **wanted, centroid_virials=True)
    assert plain.centroid_virials is None
    for name in ("energy", "energies", "forces", "virial", "virials"):
        np.testing.assert_array_equal(getattr(with_them, name), getattr(plain, name))


@pytest.mark.parametrize("precision", ["single", "mixed"])
def test_in_less_than_double_precision(layers: Frozen, precision: str) -> None:
    """With tables of the radial networks, far from the origin of the coordinates."""
    moved = (SPECIES, POSITIONS + np.array([300.0, -200.0, 100.0]), CELL, True)
    found = of_engine(Engine(layers.path, precision=precision), *moved)
    expected = of_engine(Engine(layers.path, precision="double"), *PERIODIC)
    np.testing.assert_allclose(found, expected, atol=TOLERANCES["mixed"].virial)


def test_on_two_threads(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A crystal of so many edges that each thread gets some; one cell alone never meets the second thread."""
    path = frozen(tmp_path_factory, 2, hidden_l_max=0).path
    cells = np.array(list(np.ndindex(8, 8, 8)))
    structure = (SPECIES * len(cells), (POSITIONS[None] + (cells @ CELL)[:, None]).reshape(-1, 3), 8 * CELL, True)
    assert len(NeighbourList(3.4).update(*structure[1:])) > 40000
    found = of_engine(Engine(path, precision="double", threads=2), *structure)
    expected = np.tile(of_engine(Engine(path, precision="double", threads=1), *PERIODIC), (len(cells), 1))
    np.testing.assert_allclose(found, expected, atol=TOLERANCES["double"].virial)


@pytest.mark.parametrize(("n_ranks", "empty"), [(1, 0), (2, 0), (3, 1)])
def test_ranks_agree_with_one_process(two_task_artifact: Path, n_ranks: int, empty: int) -> None:
    case = Case(POSITIONS, CELL, np.array([True] * 3), CUTOFF)
    ranks = Ranks(two_task_artifact, case, SPECIES, [atom % (n_ranks - empty) for atom in range(4)], n_ranks, "double")
    results = ranks.evaluate(centroid_virials=True)
    edges = NeighbourList(CUTOFF).update(POSITIONS, CELL, True)
    graph = (SPECIES, edges.centre, edges.neighbour, edges.r_ij)
    engine = Engine(two_task_artifact, precision="double", task="pbe")
    whole = engine.evaluate(*graph, centroid_virials=True).centroid_virials
    np.testing.assert_allclose(ranks.fold([r.centroid_virials for r in results]), whole, atol=1e-12)
    directions = [exchange[0] for exchange in ranks.ranks[0].exchanges]
    assert directions == ["forward"] + 4 * ["reverse"]
    assert all(rank.exchanges == ranks.ranks[0].exchanges for rank in ranks.ranks)


def test_rank_with_broken_positions_keeps_in_step_then_fails(water_artifact: Path) -> None:
    engine, calls = Engine(water_artifact), []
    engine.set_halo(lambda rows: calls.append("forward"), lambda rows: calls.append("reverse"))
    with pytest.raises(EngineError, match="not finite"):
        engine.evaluate([0, 1], [0], [1], [[np.nan, 0, 0]], 1, centroid_virials=True)
    assert calls == ["forward"] + 4 * ["reverse"]


def test_features_that_go_other_ways_are_refused(toy_artifact: Path) -> None:
    """The toy gathers neighbours' features itself: where they went is not known."""
    engine = Engine(toy_artifact, task="pbe")
    with pytest.raises(EngineError, match=r"exchanges features 1 time.*0 go on by torch") as caught:
        engine.compute([0, 1], [[0.0, 0, 0], [1.2, 0, 0]], centroid_virials=True)
    assert caught.value.status == Status.ARGUMENT
    assert np.isfinite(engine.compute([0, 1], [[0.0, 0, 0], [1.2, 0, 0]]).energy)
