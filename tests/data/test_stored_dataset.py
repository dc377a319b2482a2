# SPDX-License-Identifier: MIT
"""A store in the configuration: the same data set as from the files, without its graphs in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import write
from ase.units import kB
from labelled_samples import labelled

from mlipkit.data import scan as scanning
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import convert
from mlipkit.data.dataset import Dataset, all_species, prepare, read_data, save_split
from mlipkit.data.errors import DataError
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted

CUTOFF = 4.0


def make_store(folder: Path, name: str, source: str, **entry: Any) -> None:
    data = DataConfig.model_validate({"train": [{"path": source, **entry}]})
    convert([folder / source], folder / name, data, Wanted(), lambda done, path: None)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    frames = [labelled(seed, "OHH" if seed % 2 else "OHHOHHOH", config_type=f"kind{seed % 3}") for seed in range(20)]
    frames += [labelled(seed, "CHHHH", cell=None) for seed in range(20, 24)]
    isolated = [Atoms("H", info={"energy": -1.0, "config_type": "IsolatedAtom"})]
    write(tmp_path / "all.extxyz", frames + isolated)
    write(tmp_path / "more.extxyz", [labelled(seed) for seed in range(50, 56)])
    make_store(tmp_path, "all.mlipdata", "all.extxyz")
    return tmp_path


def dataset(folder: Path, labels: tuple = ("energy", "forces"), **options: Any) -> Dataset:
    data = DataConfig.model_validate(options)
    wanted = Wanted(labels)
    subsets = read_data(data, folder, wanted)
    builder = GraphBuilder(all_species(subsets), CUTOFF, data.task_names(), torch.float64)
    return prepare(data, folder, subsets, builder, wanted)


def places(data: Dataset, name: str) -> list[int]:
    return [structure.frame for structure in data.subsets()[name].structures]


@pytest.mark.filterwarnings("ignore:task 'default'. the compositions do not determine")
@pytest.mark.parametrize("extra", [[], ["more.extxyz"]])
def test_store_gives_the_data_set_of_its_files(files: Path, extra: list[str]) -> None:
    options = {"split": {"validation": 0.2, "test": 0.1}, "config_type_weights": {"kind1": 2.0, "kind2": 0.0}}
    read = dataset(files, train=["all.extxyz", *extra], **options)
    kept = dataset(files, train=["all.mlipdata", *extra], **options)
    assert kept.species == read.species == ["H", "C", "O"]
    assert not kept.train.in_memory
    assert kept.notes == read.notes != []
    for task, reference in read.references.items():
        assert kept.references[task].values == pytest.approx(reference.values, abs=1e-8)
        assert kept.references[task].source == reference.source
        assert kept.references[task].undetermined == reference.undetermined
    for name, value in vars(read.statistics).items():
        found = getattr(kept.statistics, name)
        assert found == (value if isinstance(value, (int, dict)) else pytest.approx(value, abs=1e-8)), name
    for name in ("train", "validation", "test"):
        assert places(kept, name) == places(read, name)
        for ours, theirs in zip(kept.subsets()[name].graphs, read.subsets()[name].graphs, strict=True):
            for key in ("r_ij", "centre", "neighbour", "species", "forces", "stress", "energy", "weight"):
                torch.testing.assert_close(getattr(ours, key), getattr(theirs, key), rtol=0, atol=0, equal_nan=True)
            assert float(ours.e0) == pytest.approx(float(theirs.e0), abs=1e-7)
    assert [s.symbols for s in kept.isolated] == [["H"]]


def test_what_a_run_writes_about_a_store(files: Path) -> None:
    kept = dataset(files, train=["all.mlipdata", "more.extxyz"], split={"validation": 0.2}, tasks=e0())
    save_split(kept, files / "split")
    content = json.loads((files / "split/split.json").read_text())
    store, more = str(files / "all.mlipdata"), str(files / "more.extxyz")
    frames = {name: np.load(files / "split" / content[name][store]).tolist() for name in ("train",)}
    assert frames["train"] + content["train"][more] == places(kept, "train")
    assert (files / "split/validation.extxyz").exists()
    use = kept.uses[0]
    assert (use.path, use.frames, use.tasks) == ("all.mlipdata", 25, ["default"])
    assert use.sha256 == json.loads((files / "all.mlipdata/header.json").read_text())["content_sha256"]


def e0() -> dict[str, Any]:
    return {"default": {"e0": {"H": -1.0, "C": -5.0, "O": -20.0}}}


def test_filters_of_a_store_are_those_of_its_files(files: Path) -> None:
    filters = {"max_force": 3.0, "energy_window": [-8.0, 10.0]}
    read = dataset(files, train="all.extxyz", tasks=e0(), filters=filters)
    kept = dataset(files, train="all.mlipdata", tasks=e0(), filters=filters)
    assert kept.notes == read.notes
    assert len(read.notes) == 2
    assert places(kept, "train") == places(read, "train")
    with pytest.raises(DataError, match="energy_window needs E0 of C in task 'default'"):
        dataset(files, train="all.mlipdata", filters=filters)
    with pytest.raises(DataError, match=r"is searched for them when it is written: mlip-convert --drop-duplicates"):
        dataset(files, train="all.mlipdata", tasks=e0(), filters={"duplicates": "drop"})


@pytest.mark.parametrize("source", ["all.extxyz", "all.mlipdata"])
def test_boltzmann_weights(files: Path, source: str) -> None:
    options: dict[str, Any] = {
        "train": source,
        "tasks": e0(),
        "split": {"validation": 0.3},
        "config_type_weights": {"kind1": 2.0},
    }
    plain = dataset(files, **options)
    weighed = dataset(files, **options, boltzmann={"temperature": 8000.0, "floor": 0.1})
    lowest: dict[tuple[str, ...], float] = {}
    for subset in plain.subsets().values():
        for s in subset.structures:
            key = tuple(sorted(s.symbols))
            lowest[key] = min(lowest.get(key, np.inf), s.energy)
    found = []
    for name, subset in plain.subsets().items():
        ours = weighed.subsets()[name]
        for k, s in enumerate(subset.structures):
            factor = max(0.1, np.exp(-(s.energy - lowest[tuple(sorted(s.symbols))]) / (kB * 8000.0)))
            assert ours.structures[k].weight == pytest.approx(s.weight * factor)
            assert float(ours.graphs[k].weight) == pytest.approx(s.weight * factor)
            assert float(ours.graphs[k].e0) == float(subset.graphs[k].e0)
            assert ours.table.weight[k] == pytest.approx(s.weight * factor)
            found.append(factor)
    assert 1.0 in found
    assert 0.1 in found
    assert any(0.1 < factor < 1.0 for factor in found)
    assert f"{found.count(0.1)} of {len(found)} structures at the floor of 0.1" in weighed.notes[-1]
    assert places(weighed, "train") == places(plain, "train")


def test_atoms_too_close_in_a_store(files: Path) -> None:
    frames = [labelled(seed, cell=None) for seed in range(12)]
    frames[7].positions[1] = frames[7].positions[0] + [0.4, 0.0, 0.0]
    write(files / "close.extxyz", frames)
    make_store(files, "close.mlipdata", "close.extxyz")
    options: dict[str, Any] = {"tasks": {"default": {"e0": {"H": -1.0, "O": -20.0}}}, "train": "close.mlipdata"}
    options["min_distance"] = 0.5
    with pytest.raises(
        DataError, match=r"close.mlipdata, frame 7: atoms 0 \(O\) and 1 \(H\) lie on top .*too_close: drop"
    ):
        dataset(files, **options)
    kept = dataset(files, **options, too_close="drop")
    assert len(kept.train) + len(kept.validation) == 11
    assert kept.notes[0].startswith(f"dropped: {files / 'close.mlipdata'}, frame 7: atoms 0")


def test_frames_are_used_once(files: Path) -> None:
    with pytest.raises(DataError, match=r"frame 4 is used twice: by data.train.0 .* and by data.validation.0"):
        dataset(
            files, train={"path": "all.mlipdata", "frames": ":5"}, validation=[{"path": "all.mlipdata", "frames": "4:"}]
        )
    kept = dataset(
        files, train={"path": "all.mlipdata", "frames": ":15"}, validation=[{"path": "all.mlipdata", "frames": "15:"}],
        tasks=e0(),
    )  # fmt: skip
    assert places(kept, "train") == list(range(15))


def test_misspelt_config_type_and_missing_store(files: Path) -> None:
    with pytest.raises(DataError, match="names 'kind7', which no structure has; did you mean 'kind"):
        dataset(files, train="all.mlipdata", config_type_weights={"kind7": 1.0})
    with pytest.raises(DataError, match=r"does not exist: in .* there is no 'al.mlipdata', but 'all\.mlipdata'"):
        dataset(files, train="al.mlipdata")


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Structures whose edges were counted."""
    counted: list[int] = []
    count = scanning._count

    def counting(store: Any, frame: int, neighbours: Any) -> tuple[float, float]:
        counted.append(frame)
        return count(store, frame, neighbours)

    monkeypatch.setattr(scanning, "_count", counting)
    return counted


def test_edges_are_counted_once_per_cutoff(files: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    first = dataset(files, train="all.mlipdata", tasks=e0())
    assert sorted(passes) == list(range(25))
    again = dataset(files, train="all.mlipdata", tasks=e0())
    assert len(passes) == 25
    assert again.statistics == first.statistics
    (cached,) = (files / "all.mlipdata/cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:100])  # damaged: counted again
    assert dataset(files, train="all.mlipdata", tasks=e0()).statistics == first.statistics
    assert len(passes) == 50
    monkeypatch.setitem(globals(), "CUTOFF", 3.0)
    assert dataset(files, train="all.mlipdata", tasks=e0()).statistics.n_edges < first.statistics.n_edges
    assert len(passes) == 75


def test_unwritable_store_is_counted_every_time(files: Path, passes: list[int]) -> None:
    (files / "all.mlipdata/cache").write_text("a file, so that no folder can be made")
    for number in (1, 2):
        assert len(dataset(files, train="all.mlipdata", tasks=e0()).train) > 0
        assert len(passes) == 25 * number


def test_charge_and_spin_of_a_store_fit_its_electrons(tmp_path: Path) -> None:
    """Also where they are defaults, which conversion does not know."""
    frames = [labelled(seed, "OHH", cell=None) for seed in range(4)]
    for charge, atoms in zip((0, 0, 1, 0), frames, strict=True):
        atoms.info["total_charge"] = charge
    atom = Atoms("H", info={"energy": -1.0, "config_type": "IsolatedAtom", "total_charge": 0})
    write(tmp_path / "ions.extxyz", [*frames, atom])
    data = DataConfig.model_validate({"train": ["ions.extxyz"]})
    both = {"total_charge": {}, "spin_multiplicity": {}}
    wanted = Wanted((), both, list(both))
    convert([tmp_path / "ions.extxyz"], tmp_path / "ions.mlipdata", data, wanted, lambda done, path: None)
    singlets = Wanted(("energy",), {**both, "spin_multiplicity": {"default": 1.0}})
    data = DataConfig.model_validate({"train": ["ions.mlipdata"]})
    with pytest.raises(DataError, match=r"ions\.mlipdata, frame 2: total_charge 1 leaves 9 electrons, .* must be even"):
        read_data(data, tmp_path, singlets)
    neutral = {"path": "ions.mlipdata", "frames": ":2"}
    assert len(read_data(DataConfig.model_validate({"train": [neutral]}), tmp_path, singlets)["train"]) == 2
    atoms = {"train": [{"path": "ions.mlipdata", "frames": "3:"}]}
    assert len(read_data(DataConfig.model_validate(atoms), tmp_path, singlets)["train"]) == 2
    with pytest.raises(DataError, match="frame 4: total_charge 0 leaves 1 electrons"):
        read_data(DataConfig.model_validate({**atoms, "keep_isolated_atoms": True}), tmp_path, singlets)
