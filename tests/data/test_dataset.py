# SPDX-License-Identifier: MIT
"""From files to a prepared dataset: splits, isolated atoms, tasks; and the order of batches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import read, write
from labelled_samples import labelled

from mlipkit.data.config import DataConfig
from mlipkit.data.dataset import Dataset, all_species, prepare, read_data, save_split
from mlipkit.data.errors import DataError
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted
from mlipkit.data.sampler import BatchSampler
from mlipkit.data.split import random_split


def dataset(folder: Path, labels: tuple = ("energy", "forces"), **options: Any) -> Dataset:
    data = DataConfig.model_validate(options)
    wanted = Wanted(labels)
    subsets = read_data(data, folder, wanted)
    builder = GraphBuilder(all_species(subsets), 4.0, data.task_names(), torch.float64)
    return prepare(data, folder, subsets, builder, wanted)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    frames = [labelled(seed, "OHH" if seed % 2 else "OHHOHH") for seed in range(20)]
    isolated = [Atoms(s, info={"energy": e, "config_type": "IsolatedAtom"}) for s, e in (("H", -1.0), ("O", -30.0))]
    write(tmp_path / "all.extxyz", frames + isolated)
    write(tmp_path / "held.extxyz", [labelled(seed) for seed in range(50, 53)])
    return tmp_path


def indices(data: Dataset, name: str) -> list[int]:
    return [structure.frame for structure in data.subsets()[name].structures]


def test_random_split_is_reproducible(files: Path) -> None:
    first = dataset(files, train="all.extxyz", split={"validation": 0.2, "test": 0.1, "seed": 3})
    again = dataset(files, train="all.extxyz", split={"validation": 0.2, "test": 0.1, "seed": 3})
    other = dataset(files, train="all.extxyz", split={"validation": 0.2, "test": 0.1, "seed": 4})
    sizes = {name: len(subset) for name, subset in first.subsets().items()}
    assert sizes == {"train": 14, "validation": 4, "test": 2}
    for name in sizes:
        assert indices(first, name) == indices(again, name)
    assert indices(first, "validation") != indices(other, "validation")
    everything = [index for name in sizes for index in indices(first, name)]
    assert sorted(everything) == list(range(20))


def test_isolated_atoms_give_e0_and_leave(files: Path) -> None:
    data = dataset(files, train="all.extxyz")
    assert data.references["default"].values == {"H": -1.0, "O": -30.0}
    assert len(data.isolated) == 2
    assert all(len(s) > 1 for subset in data.subsets().values() for s in subset.structures)
    kept = dataset(files, train="all.extxyz", keep_isolated_atoms=True)
    assert sum(len(s) == 1 for s in kept.train.structures) == 2
    structure, graph = data.train.structures[0], data.train.graphs[0]
    assert float(graph.e0) == pytest.approx(sum({"H": -1.0, "O": -30.0}[s] for s in structure.symbols))


def test_named_files_replace_fractions(files: Path) -> None:
    data = dataset(files, train="all.extxyz", validation=["held.extxyz"])
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 3, 0)
    assert [entry["path"] for entry in data.files] == ["all.extxyz", "held.extxyz"]
    assert len(data.files[0]["sha256"]) == 64


def test_saved_split(files: Path) -> None:
    data = dataset(files, train="all.extxyz", split={"validation": 0.2, "test": 0.1})
    save_split(data, files / "split")
    content = json.loads((files / "split/split.json").read_text())
    for name in ("train", "validation", "test"):
        assert content[name] == {str(files / "all.extxyz"): indices(data, name)}
    frames = read(files / "split/validation.extxyz", ":")
    assert [atoms.info["frame"] for atoms in frames] == indices(data, "validation")
    assert frames[0].get_potential_energy() == pytest.approx(data.validation.structures[0].energy)


def test_several_tasks(files: Path) -> None:
    entries = [{"path": "all.extxyz", "task": "pbe"}, {"path": "held.extxyz", "task": "scan"}]
    tasks = {"pbe": {}, "scan": {"e0": {"H": -2.0, "O": -40.0}, "level_of_theory": "SCAN"}}
    data = dataset(files, train=entries, tasks=tasks)
    assert [task.name for task in data.tasks] == ["pbe", "scan"]
    assert data.tasks[1].e0 == {"H": -2.0, "O": -40.0}
    assert data.tasks[1].level_of_theory == "SCAN"
    assert data.statistics_by_task["scan"].n_structures + data.statistics_by_task["pbe"].n_structures == len(data.train)
    tasks_of_graphs = {int(graph.task) for graph in data.train.graphs}
    assert tasks_of_graphs == {0, 1}
    with pytest.raises(DataError, match=r"say which task its labels belong to \(task: pbe | scan\)"):
        dataset(files, train=["all.extxyz"], tasks=tasks)
    with pytest.raises(DataError, match="unknown task 'pbee'; did you mean 'pbe'"):
        dataset(files, train=[{"path": "all.extxyz", "task": "pbee"}], tasks={"pbe": {}})


def test_nothing_to_train_on(files: Path) -> None:
    write(files / "one.extxyz", labelled())
    with pytest.raises(DataError, match="1 structures cannot be split into 1 for validation"):
        dataset(files, train="one.extxyz")
    with pytest.raises(DataError, match="no structures left for validation"):
        dataset(files, train="all.extxyz", split={"validation": 0.0})
    write(files / "molecules.extxyz", [labelled(seed, cell=None) for seed in range(4)])
    with pytest.raises(DataError, match="no training structure has a label for stress"):
        dataset(files, ("energy", "stress"), train="molecules.extxyz")


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (
            [0.0, 0.0, 0.0],
            r"few\.extxyz, frame 2: atoms 0 and 1 are at the same place: .*\. Remove the frame, or leave",
        ),
        (
            [0.0, 0.0, 0.2],
            r"frame 2: atoms 0 \(O\) and 1 \(H\) lie on top .*0\.200 .*lower data\.min_distance, or leave",
        ),
    ],
)
def test_atoms_on_top_of_each_other(files: Path, shift: list[float], message: str) -> None:
    frames = [labelled(seed) for seed in range(5)]
    frames[2].positions[1] = frames[2].positions[0] + shift
    frames[4].positions[2] = frames[4].positions[0] + frames[4].cell[1] + shift  # an image of the other atom
    write(files / "few.extxyz", frames)
    tasks = {"default": {"e0": {"H": -10.0, "O": -10.0}}}
    with pytest.raises(DataError, match=message):
        dataset(files, train="few.extxyz", tasks=tasks)
    dropped = dataset(files, train="few.extxyz", tasks=tasks, too_close="drop")
    assert sorted(indices(dropped, "train") + indices(dropped, "validation")) == [0, 1, 3]
    assert [note.split(":")[0] for note in dropped.notes] == ["dropped", "dropped"]
    assert "frame 4: atoms 0" in dropped.notes[1]
    if any(shift):
        kept = dataset(files, train="few.extxyz", tasks=tasks, min_distance=0.1)
        assert len(kept.train) + len(kept.validation) == 5
        assert kept.notes == []


def test_atom_on_its_own_image(files: Path) -> None:
    thin = labelled(0)
    thin.set_cell([0.2, 9.0, 9.0])
    write(files / "thin.extxyz", [thin, labelled(1)])
    with pytest.raises(DataError, match=r"frame 0: atoms 0 \(O\) and its own periodic image lie on top of each other"):
        dataset(files, train="thin.extxyz")
    thin.set_cell([1e-4, 9.0, 9.0])
    write(files / "thin.extxyz", [thin, labelled(1)])
    with pytest.raises(DataError, match=r"thin\.extxyz, frame 0: .*angstrom"):
        dataset(files, train="thin.extxyz")


def test_labels_of_outputs_and_outputs_of_the_model_belong_together(files: Path) -> None:
    write(files / "q.extxyz", [charged(seed) for seed in range(4)])
    with pytest.raises(DataError, match=r"data\.keys\.outputs names 'charges', which is not among model\.outputs"):
        dataset(files, train="q.extxyz", keys={"outputs": {"charges": "q"}})
    data = DataConfig.model_validate({"train": "all.extxyz"})
    subsets = read_data(data, files, Wanted())
    builder = GraphBuilder(["H", "O"], 4.0, ["default"], torch.float64, {"charges": 1})
    with pytest.raises(DataError, match=r"no training structure has values for output 'charges'; set data\.keys\.outp"):
        prepare(data, files, subsets, builder, Wanted())


def charged(seed: int) -> Atoms:
    atoms = labelled(seed)
    atoms.arrays["q"] = np.arange(3.0)
    return atoms


@pytest.mark.parametrize(("n", "validation", "test"), [(10, 0.1, 0.0), (3, 0.01, 0.01), (1000, 0.333, 0.25)])
def test_split_covers_all_once(n: int, validation: float, test: float) -> None:
    split = random_split(n, validation, test, seed=1)
    assert sorted(np.concatenate([split.train, split.validation, split.test])) == list(range(n))
    assert len(split.validation) == max(1, round(validation * n))


def test_sampler_order_depends_on_seed_and_epoch_alone() -> None:
    sampler = BatchSampler(10, 4, seed=1)
    assert len(sampler) == 3
    epochs = [[sampler.next() for _ in range(3)] for _ in range(2)]
    for batches in epochs:
        assert sorted(index for batch in batches for index in batch) == list(range(10))
    assert epochs[0] != epochs[1]
    assert (sampler.epoch, sampler.next_batch, sampler.epochs_done) == (2, 0, 2.0)
    again = BatchSampler(10, 4, seed=1)
    assert [[again.next() for _ in range(3)] for _ in range(2)] == epochs
    assert [BatchSampler(10, 4, seed=2).next()] != [epochs[0][0]]


def test_sampler_resumes_inside_an_epoch() -> None:
    sampler = BatchSampler(10, 3, seed=5)
    for _ in range(6):
        sampler.next()
    state = sampler.state_dict()
    rest = [sampler.next() for _ in range(5)]
    resumed = BatchSampler(10, 3, seed=0)
    resumed.load_state_dict(state)
    assert [resumed.next() for _ in range(5)] == rest
