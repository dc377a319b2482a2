# SPDX-License-Identifier: MIT
"""Files by pattern: sorted, complete, none twice; weights per entry; what a run tells about them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ase.io import read, write
from labelled_samples import labelled
from rich.console import Console

from mlipkit.data.config import DataConfig
from mlipkit.data.dataset import Dataset, all_species, describe, prepare, read_data, save_split
from mlipkit.data.errors import DataError
from mlipkit.data.files import all_files, matches
from mlipkit.data.graphs import GraphBuilder, collate
from mlipkit.data.labels import Wanted
from mlipkit.data.report import data_report
from mlipkit.nn.evaluate import Prediction
from mlipkit.train.config import LossConfig
from mlipkit.train.loss import Loss


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``runs/{a,b,c}/frames.extxyz`` with 2, 3 and 4 frames, one of them deeper, and things that match nothing."""
    for seed, name in enumerate(["b", "a", "deep/c"]):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        frames = [labelled(10 * seed + k, config_type=name[-1]) for k in range({"a": 2, "b": 3}.get(name, 4))]
        write(place / "frames.extxyz", frames)
        (place / "notes.txt").write_text("not data")
    (tmp_path / "runs" / "folder.extxyz").mkdir()
    return tmp_path


def dataset(folder: Path, **options: Any) -> Dataset:
    data = DataConfig.model_validate({"tasks": {"default": {"e0": {"H": -10.0, "O": -10.0}}}, **options})
    wanted = Wanted(("energy", "forces"))
    subsets = read_data(data, folder, wanted)
    builder = GraphBuilder(all_species(subsets), 4.0, data.task_names(), torch.float64)
    return prepare(data, folder, subsets, builder, wanted)


def test_patterns_are_sorted_and_match_files_only(folder: Path) -> None:
    assert matches("runs/*/frames.extxyz", folder) == ["runs/a/frames.extxyz", "runs/b/frames.extxyz"]
    everything = ["runs/a/frames.extxyz", "runs/b/frames.extxyz", "runs/deep/c/frames.extxyz"]
    assert matches("runs/**/*.extxyz", folder) == everything
    assert matches("runs/[ab]/fr?mes.extxyz", folder) == everything[:2]
    assert matches(str(folder / "runs/a/*.extxyz"), folder) == [str(folder / "runs/a/frames.extxyz")]
    (folder / "odd[1].extxyz").write_text("")
    assert matches("odd[1].extxyz", folder) == ["odd[1].extxyz"], "a name that exists is no pattern"


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("runs/*/frame.extxyz", ["no file matches 'runs/*/frame.extxyz'", "runs/a (and ", "but 'frames.extxyz'"]),
        ("run/*/frames.extxyz", ["no file matches", "there is no 'run', but 'runs'"]),
        ("runs/**/*.extxy", ["no file matches", "no '*.extxy', but 'frames.extxyz'"]),
        ("runs/a/frames.xyz", ["runs/a/frames.xyz does not exist", "no 'frames.xyz', but 'frames.extxyz'"]),
        ("runs/fold*", ["folder.extxyz is a folder; name the files in it"]),
        ("runs/folder.extxyz/*", ["in", "folder.extxyz there is no file"]),
    ],
)
def test_nothing_matches(folder: Path, pattern: str, parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        matches(pattern, folder)
    for part in parts:
        assert part in str(caught.value)


def test_entries_expand_with_all_their_options(folder: Path) -> None:
    data = DataConfig.model_validate(
        {"train": [{"path": "runs/*/frames.extxyz", "weight": 2.5, "frames": "1:"}], "test": "runs/deep/*/*.extxyz"}
    )
    found = all_files(data, folder)
    assert [(file.name, file.source) for file in found["train"]] == [
        ("runs/a/frames.extxyz", "data.train.0"),
        ("runs/b/frames.extxyz", "data.train.0"),
    ]
    structures = read_data(data, folder, Wanted())["train"]
    assert [(Path(s.file).parent.name, s.frame) for s in structures] == [("a", 1), ("b", 1), ("b", 2)]
    assert {s.weight for s in structures} == {2.5}
    assert [file.name for file in found["test"]] == ["runs/deep/c/frames.extxyz"]


def test_no_frame_twice(folder: Path) -> None:
    pattern, file = "runs/*/frames.extxyz", "runs/a/frames.extxyz"
    for second in ({"validation": [file]}, {"train": [pattern, {"path": "runs/../runs/a/frames.extxyz"}]}):
        data = DataConfig.model_validate({"train": [pattern], **second})
        with pytest.raises(
            DataError, match=r"a/frames\.extxyz, frame 0 is used twice: by data\.train\.0 \(runs/\*/fra"
        ):
            read_data(data, folder, Wanted())
    (folder / "link.extxyz").symlink_to(folder / file)
    with pytest.raises(DataError, match="is used twice"):
        read_data(DataConfig.model_validate({"train": [file, "link.extxyz"]}), folder, Wanted())


def test_disjoint_frames_and_other_tasks_may_share_a_file(folder: Path) -> None:
    path = "runs/deep/c/frames.extxyz"
    halves = DataConfig.model_validate(
        {"train": [{"path": path, "frames": "::2"}], "validation": [{"path": path, "frames": "1::2"}]}
    )
    found = read_data(halves, folder, Wanted())
    assert [s.frame for s in found["train"]] == [0, 2]
    assert [s.frame for s in found["validation"]] == [1, 3]
    tasks = DataConfig.model_validate({"train": [{"path": path, "task": "low"}, {"path": path, "task": "high"}]})
    assert [s.task for s in read_data(tasks, folder, Wanted())["train"]] == ["low"] * 4 + ["high"] * 4


def test_every_file_is_listed_with_its_checksum(folder: Path) -> None:
    data = dataset(
        folder, train=["runs/*/frames.extxyz"], validation=[{"path": "runs/deep/**/*.extxyz", "weight": 0.5}]
    )
    listed = ["runs/a/frames.extxyz", "runs/b/frames.extxyz", "runs/deep/c/frames.extxyz"]
    assert [entry["path"] for entry in data.files] == listed
    assert len({entry["sha256"] for entry in data.files}) == 3
    rows = describe(data)["files"]
    assert [(row["frames"], row["use"], row["weight"]) for row in rows] == [
        (2, "train", 1.0),
        (3, "train", 1.0),
        (4, "validation", 0.5),
    ]
    save_split(data, folder / "split")
    content = json.loads((folder / "split/split.json").read_text())
    assert content["files"] == data.files
    assert content["train"] == {str(folder / listed[0]): [0, 1], str(folder / listed[1]): [0, 1, 2]}
    assert len(read(folder / "split/validation.extxyz", ":")) == 4


def printed(data: Dataset) -> str:
    console = Console(width=120, file=io.StringIO())
    for entry in data_report(data):
        console.print(entry)
    return console.file.getvalue()


def test_table_of_files(folder: Path) -> None:
    text = printed(
        dataset(folder, train=[{"path": "runs/*/frames.extxyz", "weight": 3}], validation="runs/deep/c/*.e*")
    )
    rows = [line.split() for line in text.splitlines() if "frames.extxyz" in line]
    cells = [[cell for cell in row if cell not in {"│", "|", "┃"}] for row in rows]
    assert cells == [
        ["runs/a/frames.extxyz", "train", "2", "default", "3"],
        ["runs/b/frames.extxyz", "train", "3", "default", "3"],
        ["runs/deep/c/frames.extxyz", "validation", "4", "default", "1"],
    ]


def test_table_of_very_many_files_stays_short(folder: Path) -> None:
    data = dataset(folder, train="runs/*/frames.extxyz")
    data.uses = data.uses * 40
    assert "and 50 more files" in printed(data)


def test_weights_multiply_and_reach_the_loss(folder: Path) -> None:
    """Entry weight x config_type weight, per structure: the loss is that of a sum done by hand."""
    options: dict[str, Any] = {"config_type_weights": {"a": 3.0}, "validation": "runs/deep/c/frames.extxyz"}
    train = [{"path": "runs/a/frames.extxyz", "weight": 2.0}, {"path": "runs/b/frames.extxyz", "weight": 0.5}]
    data = dataset(folder, train=train, **options)
    assert [s.weight for s in data.train.structures] == [6.0, 6.0, 0.5, 0.5, 0.5]
    batch = collate(data.train.graphs)
    assert batch.weight.tolist() == [6.0, 6.0, 0.5, 0.5, 0.5]
    n_atoms, n_structures = int(batch.n_atoms.sum()), len(data.train)
    zeros = Prediction(
        energy=torch.zeros(n_structures, dtype=torch.float64),
        energies=torch.zeros(n_atoms, dtype=torch.float64),
        forces=torch.zeros(n_atoms, 3, dtype=torch.float64),
        virial=torch.zeros(n_structures, 6, dtype=torch.float64),
        stress=torch.zeros(n_structures, 6, dtype=torch.float64),
        outputs={},
        edge_gradients=torch.zeros(batch.r_ij.shape, dtype=torch.float64),
    )
    sums = Loss(LossConfig()).sums(zeros, batch)["forces"]
    by_hand = sum(s.weight * (s.forces**2).sum() for s in data.train.structures)
    assert float(sums.total) == pytest.approx(by_hand)
    assert int(sums.count) == 3 * n_atoms


def test_weight_zero_leaves_out_and_says_so(folder: Path) -> None:
    path = folder / "runs/b/frames.extxyz"
    isolated = labelled(5, "H", cell=None, config_type="IsolatedAtom")
    write(path, [*read(path, ":"), isolated])
    data = dataset(
        folder,
        train="runs/*/frames.extxyz",
        config_type_weights={"a": 0.0, "IsolatedAtom": 0.0},
        keep_isolated_atoms=True,
        split={"validation": 0.5},
        tasks={"default": {"e0": {"O": -10.0}}},
    )
    assert sorted(len(subset) for subset in data.subsets().values()) == [0, 1, 2]
    assert {s.config_type for subset in data.subsets().values() for s in subset.structures} == {"b"}
    assert data.references["default"].source["H"] == "isolated atom", "E0 does not depend on the weight"
    assert data.notes == [
        "dropped: 2 train structures of weight 0 (by config_type: a 2)",
        "dropped: 1 isolated structures of weight 0 (by config_type: IsolatedAtom 1)",
    ]
    assert data.notes[0] in printed(data)
    with pytest.raises(DataError, match="no structures left for train; dropped: 2 train structures of weight 0"):
        dataset(folder, train={"path": "runs/a/frames.extxyz", "weight": 0})


def test_weight_of_an_unknown_config_type(folder: Path) -> None:
    with pytest.raises(DataError, match=r"names 'aa', which no structure has; did you mean 'a'\? \(config_types: a, b"):
        dataset(folder, train="runs/*/frames.extxyz", config_type_weights={"aa": 2.0})
