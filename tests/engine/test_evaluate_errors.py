# SPDX-License-Identifier: MIT
"""What an opened model refuses to evaluate, and what of its results it does not let through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_toy import CUTOFF, Toy, write_artifact
from torch import Tensor

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList

VECTOR = [[1.2, 0.3, 0.1]]


def refusal(engine: Engine, *graph: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        engine.evaluate(*graph)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (([0, 3], [0], [1], VECTOR), "atom 1 has species index 3; the model was opened with 3 species"),
        (([0, -1], [0], [1], VECTOR), "species index -1"),
        (([0, 0], [1], [0], VECTOR, 1), "edge 0 has centre 1; centres are local atoms, 0 to 0"),
        (([0, 0], [-1], [0], VECTOR), "edge 0 has centre -1"),
        (([0, 0], [0], [2], VECTOR), "edge 0 has neighbour 2; there are 2 atoms"),
        (([0, 0], [0], [-1], VECTOR), "neighbour -1"),
        (([0, 0], [1, 0], [0, 1], VECTOR * 2), "sorted by centre; edge 1 has centre 0 after 1"),
        (([0, 0], [0], [1], [[0.0, 0.0, 0.0]]), "atoms 0 and 1 are at the same place"),
        (([0, 0], [0], [1], VECTOR, 3), "impossible sizes: n_local = 3, n_all = 2"),
        (([0, 0], [0], [1], VECTOR, -1), "impossible sizes"),
        (([0, 0], [0, 0], [1], VECTOR), "neighbour must have shape"),
    ],
)
def test_impossible_graph(engine: Engine, graph: tuple[Any, ...], message: str) -> None:
    error = refusal(engine, *graph)
    assert error.status == Status.ARGUMENT
    assert message in error.message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_edge_that_is_not_finite(engine: Engine, value: float) -> None:
    error = refusal(engine, [0, 0, 0], [0, 1], [1, 2], [[1.0, 1.0, 0.0], [value, 0.0, 1.0]])
    assert error.status == Status.NUMERIC
    assert "from atom 1 to atom 2 is not finite" in error.message


def test_position_that_is_not_finite(engine: Engine) -> None:
    with pytest.raises(EngineError, match="the position of atom 1 is not finite") as caught:
        engine.compute([0, 0], [[0.0, 0, 0], [np.nan, 0, 0]])
    assert caught.value.status == Status.NUMERIC


def test_unknown_condition(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"no condition 'charge'.*takes total_charge") as caught:
        engine.set_condition("charge", 1)
    assert caught.value.status == Status.ARGUMENT
    with pytest.raises(EngineError, match=r"did you mean 'total_charge'"):
        engine.set_condition("total_charg", 1)


@pytest.mark.parametrize("value", [-2.5, 3.0, np.nan])
def test_condition_outside_its_range(engine: Engine, value: float) -> None:
    with pytest.raises(EngineError, match="outside the range of the model, -2 to 2") as caught:
        engine.set_condition("total_charge", value)
    assert caught.value.status == Status.ARGUMENT


def test_missing_required_condition(toy_artifact: Path) -> None:
    engine = Engine(toy_artifact, task="hf")  # no default there
    error = refusal(engine, [0], [], [], np.zeros((0, 3)))
    assert error.status == Status.ARGUMENT
    assert "needs a value of condition 'total_charge' (-2 to 2) and task 'hf' has no default" in error.message
    engine.set_condition("total_charge", 1)
    assert np.isfinite(engine.evaluate([0], [], [], np.zeros((0, 3))).energy)


class Unconditional(Toy):
    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        """An energy of the species alone: no gradient reaches the edges."""
        return {"energy": self.embedding[species[:n_local]].sum(1).to(r_ij.dtype)}


def test_model_without_conditions_and_without_edges(tmp_path: Path) -> None:
    path = write_artifact(tmp_path / "plain.pt", Unconditional(), conditions={}, outputs=[])
    engine = Engine(path, task="hf")
    result = engine.evaluate([0, 1], [0], [1], VECTOR, edge_gradients=True)
    assert not result.forces.any()
    assert not result.edge_gradients.any()
    assert not result.virial.any()
    with pytest.raises(EngineError, match=r"takes no conditions, so 'total_charge' cannot be set"):
        engine.set_condition("total_charge", 0)
    with pytest.raises(EngineError, match="none besides the energy"):
        engine.output("charges")


class Broken(Toy):
    """Turns into something else where atoms come closer than in the probe; what, says the species of atom 0."""

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        distance = r_ij.square().sum(1).sqrt()
        pair = (3.0 - distance).clamp(min=0.0).pow(4)
        charges = torch.zeros(n_local, dtype=r_ij.dtype).index_add(0, centre, torch.ones_like(pair))
        if bool((distance < 0.1).any()):
            charges = charges / 0.0
        elif bool((distance < 0.5).any()):
            if int(species[0]) == 0:
                pair = (distance - 0.5).sqrt()  # NaN
            elif int(species[0]) == 1:
                pair = pair + (distance - distance.detach()).abs().sqrt()  # finite, its gradient is not
            else:
                raise RuntimeError("too close for comfort")
        energy = torch.zeros(n_local, dtype=r_ij.dtype).index_add(0, centre, pair)
        return {"energy": energy, "charges": charges}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    outputs = [{"name": "charges", "unit": "e", "per": "atom", "width": 1}]
    path = write_artifact(tmp_path_factory.mktemp("broken") / "broken.pt", Broken(), outputs=outputs)
    return Engine(path, task="pbe")


def test_energy_that_is_not_finite(broken: Engine) -> None:
    error = refusal(broken, [0, 0, 0], [0, 2], [1, 1], [[1.0, 1.0, 0.0], [0.4, 0.0, 0.0]])
    assert error.status == Status.NUMERIC
    assert "the energy of atom 2 is not finite" in error.message
    assert "time step" in error.message


def test_force_that_is_not_finite(broken: Engine) -> None:
    error = refusal(broken, [1, 0, 0], [1], [2], [[0.4, 0.0, 0.0]])
    assert error.status == Status.NUMERIC
    assert "the force between atoms 1 and 2 is not finite" in error.message


def test_output_that_is_not_finite(broken: Engine) -> None:
    error = refusal(broken, [0, 0], [1], [0], [[0.05, 0.0, 0.0]])
    assert error.status == Status.NUMERIC
    assert "output 'charges' of atom 0 is not finite" in error.message


def test_exception_inside_the_model_is_one_line(broken: Engine) -> None:
    error = refusal(broken, [2, 0], [0], [1], [[0.4, 0.0, 0.0]])
    assert error.status == Status.BACKEND
    assert "too close for comfort" in error.message
    assert "2 atoms and 1 edges" in error.message
    assert np.isfinite(broken.evaluate([2, 0], [0], [1], VECTOR).energy)  # and it can go on


def test_outputs_of_a_failed_evaluation_are_not_handed_out(broken: Engine) -> None:
    broken.evaluate([0, 0], [0], [1], VECTOR)
    assert broken.output("charges").shape == (2, 1)
    refusal(broken, [0, 0], [0], [1], [[0.4, 0.0, 0.0]])
    with pytest.raises(EngineError, match="before a successful evaluation") as caught:
        broken.output("charges")
    assert caught.value.status == Status.ARGUMENT


def test_unknown_output(engine: Engine) -> None:
    engine.compute([0], np.zeros((1, 3)))
    with pytest.raises(EngineError, match=r"no output 'charge' \(did you mean 'charges'\?\); it has charges, moments"):
        engine.output("charge")


def test_neighbour_list_of_another_cutoff(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"cutoff 4, the model 3 angstrom") as caught:
        engine.compute([0], np.zeros((1, 3)), neighbours=NeighbourList(4.0))
    assert caught.value.status == Status.ARGUMENT
    assert np.isfinite(engine.compute([0], np.zeros((1, 3)), neighbours=NeighbourList(CUTOFF, skin=1.0)).energy)


def test_number_of_species_and_positions_differ(engine: Engine) -> None:
    with pytest.raises(EngineError, match="positions must have shape"):
        engine.compute([0, 0], np.zeros((3, 3)))
