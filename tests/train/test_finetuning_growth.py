# SPDX-License-Identifier: MIT
"""New species, new tasks and old data in fine-tuning: what was known stays, bit for bit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.data.graphs import GraphBuilder, collate
from mlipkit.data.structure import Structure
from mlipkit.data.subset import Subset
from mlipkit.data.table import Tables
from mlipkit.export import export
from mlipkit.nn import MACEConfig, build_model, evaluate
from mlipkit.nn.axes import parameter_axes, readout_parameters
from mlipkit.train.batches import make_sampler
from mlipkit.train.config import TrainConfig
from mlipkit.train.finetuning.elements import group_and_period, nearest_element
from mlipkit.train.finetuning.growth import grown
from mlipkit.train.finetuning.references import find_references
from random_models import random_checkpoint

CONFIG = {"species": ["H", "O"], "cutoff": 3.0, "channels": 4, "hidden_l_max": 1, "l_max": 2, "correlation": 2}
ODD = {"zbl": True, "radial": {"transform": "agnesi"}, "density_normalization": "all", "first_layer_residual": False}
LOW, HIGH = Task("low", "xTB", {"H": -10.0, "O": -90.0}), Task("high", "DFT", {"H": -13.6, "O": -2040.0})


def checkpoint(options: dict, tasks: list[Task]) -> Checkpoint:
    config = {**CONFIG, "avg_num_neighbours": 9.0, **options, "shift": [[0.1, 0.2]] * len(tasks)}
    if options.get("zbl"):
        config |= {"zbl_scale": [0.5] * len(tasks), "covalent_radii": [0.4, 0.7]}
    return random_checkpoint(config, tasks)


def structure(symbols: str, task: str, seed: int = 0) -> Structure:
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols)
    positions = 1.2 * np.array([[i % 2, i // 2 % 2, i // 4] for i in range(len(atoms))]) + rng.normal(
        0, 0.1, (len(atoms), 3)
    )
    return Structure(atoms.numbers, positions, np.zeros((3, 3)), (False,) * 3, "none", 0, task)  # type: ignore[arg-type]


def predictions(found: Checkpoint, structures: list[Structure], dtype: torch.dtype = torch.float64):  # type: ignore[no-untyped-def]
    tasks = [task.name for task in found.tasks]
    builder = GraphBuilder(found.config["species"], found.config["cutoff"], tasks, dtype)
    batch = collate([builder.graph(structure) for structure in structures])
    return evaluate(found.build().to(dtype), batch, training=False)


@pytest.mark.parametrize("options", [{}, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("tasks", [[LOW], [LOW, HIGH]], ids=["one", "two"])
def test_new_species_leave_old_predictions_as_they_were(options: dict, dtype: torch.dtype, tasks: list[Task]) -> None:
    """Bit for bit."""
    before = checkpoint(options, tasks)
    after = grown(before, {"S": "O", "Cl": "O"}, {task.name: task.name for task in tasks})
    assert after.config["species"] == ["H", "O", "S", "Cl"]
    assert after.tasks[-1].e0 == {**tasks[-1].e0, "S": 0.0, "Cl": 0.0}
    old = [structure("OHHOHH", task.name, seed) for seed, task in enumerate(tasks)]
    first, second = predictions(before, old, dtype), predictions(after, old, dtype)
    assert torch.equal(first.energies, second.energies)
    assert torch.equal(first.forces, second.forces)


@pytest.mark.parametrize("tasks", [[LOW], [LOW, HIGH]], ids=["one", "two"])
def test_new_task_starts_as_its_source(tasks: list[Task]) -> None:
    """To rounding: the readouts of all tasks are one product, whose sums follow its size."""
    before = checkpoint({"total_charge_range": [-1, 1]}, tasks)
    for task in before.tasks:
        task.defaults = {"total_charge": 0.0}
    names = {task.name: task.name for task in tasks}
    after = grown(before, {}, {**names, "mine": tasks[-1].name})
    assert [task.name for task in after.tasks] == [*names, "mine"]
    assert after.tasks[-1].e0 == tasks[-1].e0
    assert after.tasks[-1].defaults == {"total_charge": 0.0}
    old = [structure("OHHOHH", task.name, seed) for seed, task in enumerate(tasks)]
    new = structure("OHHOHH", "mine", len(tasks) - 1)
    for found in (*old, new):
        found.conditions["total_charge"] = 1.0
    expected = predictions(before, old)
    torch.testing.assert_close(predictions(after, old).energies, expected.energies, rtol=0, atol=1e-13)
    torch.testing.assert_close(predictions(after, [new]).energies, expected.energies[-6:], rtol=0, atol=1e-13)


def test_new_species_starts_as_its_source_but_for_its_radius() -> None:
    plain = grown(checkpoint({}, [LOW]), {"S": "O"}, {"low": "low"})
    water, sulfide = predictions(plain, [structure("OHH", "low")]), predictions(plain, [structure("SHH", "low")])
    assert torch.equal(water.forces, sulfide.forces)
    odd = grown(checkpoint(ODD, [LOW]), {"S": "O"}, {"low": "low"})
    assert odd.config["covalent_radii"] == [0.4, 0.7, pytest.approx(1.05)]
    water, sulfide = predictions(odd, [structure("OHH", "low")]), predictions(odd, [structure("SHH", "low")])
    assert not torch.allclose(water.forces, sulfide.forces)


def test_dropped_tasks_leave_the_others_as_they_were() -> None:
    before = checkpoint({}, [LOW, HIGH])
    after = grown(before, {}, {"high": "high"})
    assert after.config["tasks"] == ["high"]
    of_high = [structure("OHHOHH", "high")]
    again = grown(after, {}, {"high": "high", "third": "high"})
    expected = predictions(before, of_high).energies
    for found in (after, again):
        torch.testing.assert_close(predictions(found, of_high).energies, expected, rtol=0, atol=1e-13)


def test_nothing_to_change_is_the_same_checkpoint() -> None:
    before = checkpoint({}, [LOW, HIGH])
    assert grown(before, {}, {"low": "low", "high": "high"}) is before


def test_grown_model_is_frozen_and_runs_in_the_engine(tmp_path: Path) -> None:
    after = grown(checkpoint(ODD, [LOW, HIGH]), {"S": "O"}, {"high": "high"})
    after.tasks[0].e0["S"] = -400.0
    export(after, tmp_path / "grown.pt")
    atoms = structure("SHHOHH", "high").to_atoms()
    atoms.calc = MLIPCalculator(tmp_path / "grown.pt", precision="double")
    expected = predictions(after, [structure("SHHOHH", "high")])
    np.testing.assert_allclose(atoms.get_forces(), expected.forces.numpy(), atol=1e-9)


def test_every_parameter_says_what_its_axes_are() -> None:
    """Their lengths are those of a model with other numbers of species and tasks."""
    options = {**CONFIG, **ODD, "avg_num_neighbours": 9.0, "outputs": [{"name": "q", "unit": "e"}]}
    options |= {"total_charge_range": [-1, 1], "species": ["H", "C", "N", "O", "F"], "tasks": [*"abcdefg"]}
    options |= {"hidden_l_max": 0}
    model = build_model("mace", MACEConfig.model_validate(options))
    axes = parameter_axes(model)
    for name, parameter in model.named_parameters():
        assert len(axes[name]) == parameter.dim(), name
        for kind, size in (("species", 5), ("task", 7)):
            assert [axis == kind for axis in axes[name]] == [length == size for length in parameter.shape], name
    assert set(readout_parameters(model)) == {name for name in axes if name.split(".")[0] in {"readouts", "outputs"}}


def test_nearest_elements() -> None:
    places = {"H": (1, 1), "He": (18, 1), "B": (13, 2), "Sc": (3, 4), "Br": (17, 4), "La": (3, 6), "Lu": (3, 6)}
    places |= {"Hf": (4, 6), "Pb": (14, 6), "Og": (18, 7), "U": (3, 7)}
    assert {symbol: group_and_period(symbol) for symbol in places} == places
    organic = ["H", "C", "N", "O"]
    expected = {"F": "O", "S": "O", "P": "N", "Si": "C", "Li": "H"}
    assert {symbol: nearest_element(symbol, organic) for symbol in expected} == expected
    assert nearest_element("Mo", ["Nb", "Ta", "W"]) == "W"
    assert nearest_element("Nd", ["Y", "La", "Eu", "Hf"]) == "La"


def labelled(symbols: str, energy: float) -> Structure:
    found = structure(symbols, "low")
    found.energy = energy
    return found


def test_undetermined_combinations_keep_their_old_value() -> None:
    old = {"H": -10.0, "C": -30.0, "O": -90.0}
    structures = [labelled("OHH", -110.0 - 6.0), labelled("OHHOHH", -220.0 - 12.0)]
    found = find_references("t", old, [], {}, [], structures, np.zeros(2), refit=True)
    assert found.energies.values["C"] == -30.0
    assert found.energies.source == {"H": "fit to residuals", "C": "checkpoint", "O": "fit to residuals"}
    assert found.energies.values["H"] == pytest.approx(-10.0 - 6.0 * 2 / 5)
    assert found.energies.values["O"] == pytest.approx(-90.0 - 6.0 * 1 / 5)
    assert found.rms_old == pytest.approx(2.0)
    assert found.rms_new == pytest.approx(0.0, abs=1e-9)


def test_energies_of_a_dissolved_ion_go_to_the_ion() -> None:
    """Old species fit already: the new one takes up what it brings, water nothing."""
    old = {"H": -10.0, "O": -90.0, "Na": 0.0}
    interaction = np.array([-1.0, -2.0])
    structures = [labelled("NaOHHOHH", -4000.0 - 220.0 - 1.0), labelled("NaOHHOHHOHH", -4000.0 - 330.0 - 2.0)]
    for refit in (False, True):
        found = find_references("t", old, ["Na"], {}, [], structures, interaction, refit)
        assert found.energies.values == pytest.approx({"H": -10.0, "O": -90.0, "Na": -4000.0})
        assert np.isnan(found.rms_old)


def dimers(count: int) -> Subset:
    structures = [structure("HO", "t", seed) for seed in range(count)]
    graphs = [GraphBuilder(["H", "O"], 3.0, ["t"], torch.float64).graph(found) for found in structures]
    return Subset(structures, graphs, Tables().of(structures, graphs))


def with_replay(share: float, **options: Any) -> TrainConfig:
    finetune = {"replay": {"data": "old", "share": share}}
    return TrainConfig.model_validate(
        {"output": "o", "init": "i", "data": {"train": "a"}, "finetune": finetune, "seed": 3, **options}
    )


def test_replay_counts() -> None:
    """Every new structure once per epoch, old ones in turn, so many that they have their share."""
    sampler = make_sampler(with_replay(0.25), dimers(12), dimers(5))
    assert len(sampler) == 4
    seen: Counter[int] = Counter()
    for epoch in range(10):
        chosen = [index for _ in range(len(sampler)) for index in sampler.next()]
        assert sampler.epoch == epoch + 1
        assert sorted(index for index in chosen if index < 12) == list(range(12))
        old = [index for index in chosen if index >= 12]
        assert len(old) == 4
        seen.update(old)
    assert seen == dict.fromkeys(range(12, 17), 8)
    sampler = make_sampler(with_replay(0.9, batch_size=1), dimers(3), dimers(50))
    assert len(sampler) == 3 + 27
    sampler = make_sampler(with_replay(0.5, batch_edges=6), dimers(4), dimers(5))  # two edges each
    assert [len(sampler.next()) for _ in range(3)] == [3, 3, 2]
