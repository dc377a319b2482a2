# SPDX-License-Identifier: MIT
"""Everything between data files and batches: reading, species, splits, graphs, reference energies, statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from ase.data import atomic_numbers
from ase.io import write

from mlipkit.checkpoint import Task
from mlipkit.data.config import DataConfig, FileEntry, TaskConfig
from mlipkit.data.errors import DataError
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.reading import sha256
from mlipkit.data.reference import ReferenceEnergies, is_isolated, reference_energies
from mlipkit.data.split import random_split
from mlipkit.data.statistics import Statistics, statistics
from mlipkit.data.structure import Structure

Subsets = dict[str, list[Structure]]  # "train", "validation", "test"


@dataclass
class Subset:
    """Structures and their graphs, in the same order."""

    structures: list[Structure]
    graphs: list[GraphBatch]

    def __len__(self) -> int:
        return len(self.structures)

    def take(self, indices: Sequence[int]) -> Subset:
        return Subset([self.structures[index] for index in indices], [self.graphs[index] for index in indices])


@dataclass
class Dataset:
    """Prepared data of a training run."""

    species: list[str]
    tasks: list[Task]
    train: Subset
    validation: Subset
    test: Subset
    isolated: list[Structure]
    references: dict[str, ReferenceEnergies]  # by task
    statistics: Statistics  # of the training structures
    statistics_by_task: dict[str, Statistics]
    files: list[dict[str, str]] = field(default_factory=list)  # path and sha256

    def subsets(self) -> dict[str, Subset]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def read_data(data: DataConfig, folder: Path, wanted: Wanted) -> Subsets:
    """Structures of all files, not yet split.

    Raises:
        DataError: see :func:`mlipkit.data.labels.read_structures`.
    """

    def read(entries: Sequence[FileEntry]) -> list[Structure]:
        return [structure for entry in entries for structure in read_structures(entry, data, folder, wanted)]

    return {"train": read(data.train), "validation": read(data.validation), "test": read(data.test)}


def all_species(subsets: Mapping[str, Sequence[Structure]]) -> list[str]:
    """Chemical symbols of all structures, by atomic number."""
    found = {symbol for structures in subsets.values() for structure in structures for symbol in set(structure.symbols)}
    return sorted(found, key=lambda symbol: atomic_numbers[symbol])


def prepare(data: DataConfig, folder: Path, subsets: Subsets, builder: GraphBuilder, wanted: Wanted) -> Dataset:
    """Graphs, reference energies and statistics.

    Args:
        data: configuration.
        folder: relative paths start here.
        subsets: from :func:`read_data`.
        builder: knows species, cutoff, tasks and dtype of the model.
        wanted: a label that is wanted must occur in the training structures.

    Raises:
        DataError: unknown species, no structures left, reference energies that cannot be found, a wanted label missing.
    """
    prepared = {name: Subset(found, [builder.graph(s) for s in found]) for name, found in subsets.items()}
    train, isolated = _partition(prepared["train"], _isolated_indices(prepared["train"]))
    split = random_split(
        len(train),
        0.0 if data.validation else data.split.validation,
        0.0 if data.test else data.split.test,
        data.split.seed,
    )
    for name, indices in (("validation", split.validation), ("test", split.test)):
        if indices:
            prepared[name] = _partition(train, indices)[1]
    prepared["train"] = _partition(train, split.train)[1]
    if data.keep_isolated_atoms:
        prepared["train"].structures.extend(isolated.structures)
        prepared["train"].graphs.extend(isolated.graphs)
    for name in ("train", "validation"):
        if not prepared[name].structures:
            raise DataError(f"no structures left for {name}; add data or change data.split")
    _check_labels(prepared["train"].structures, wanted)
    references = {
        task: reference_energies(
            task,
            builder.species,
            [s for s in isolated.structures if s.task == task],
            [s for s in prepared["train"].structures if s.task == task],
            data.tasks[task].e0 if task in data.tasks else {},
        )
        for task in builder.tasks
    }
    e0 = [references[task].values for task in builder.tasks]
    for subset in prepared.values():
        add_reference_energies(subset.graphs, e0, builder.species)
    return Dataset(
        species=builder.species,
        tasks=[_task(data, name, references[name]) for name in builder.tasks],
        isolated=isolated.structures,
        references=references,
        statistics=statistics(prepared["train"].structures, prepared["train"].graphs),
        statistics_by_task={task: _task_statistics(prepared["train"], task) for task in builder.tasks},
        files=_files(data, folder),
        **prepared,
    )


def save_split(dataset: Dataset, folder: Path) -> None:
    """Writes ``split.json`` (file and frame of every structure) and one extxyz file per held-out subset."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"files": dataset.files}
    for name, subset in dataset.subsets().items():
        by_file: dict[str, list[int]] = {}
        for structure in subset.structures:
            by_file.setdefault(structure.file, []).append(structure.frame)
        content[name] = by_file
        if subset.structures and name != "train":
            write(folder / f"{name}.extxyz", [s.to_atoms() for s in subset.structures], format="extxyz")
    content["isolated_atoms"] = [structure.where for structure in dataset.isolated]
    (folder / "split.json").write_text(json.dumps(content, indent=1) + "\n")


def describe(dataset: Dataset) -> dict[str, Any]:
    """Statistics, reference energies and sizes as plain data, for the summary of a run."""
    return {
        "structures": {name: len(subset) for name, subset in dataset.subsets().items()},
        "isolated_atoms": len(dataset.isolated),
        "statistics": asdict(dataset.statistics),
        "reference_energies": {task: asdict(reference) for task, reference in dataset.references.items()},
        "files": dataset.files,
    }


def _isolated_indices(subset: Subset) -> list[int]:
    pairs = zip(subset.structures, subset.graphs, strict=True)
    return [index for index, (structure, graph) in enumerate(pairs) if is_isolated(structure, graph.centre.shape[0])]


def _partition(subset: Subset, chosen: Sequence[int]) -> tuple[Subset, Subset]:
    """What is left and what was chosen."""
    taken = set(chosen)
    left = [index for index in range(len(subset)) if index not in taken]
    return subset.take(left), subset.take(chosen)


def _check_labels(structures: Sequence[Structure], wanted: Wanted) -> None:
    for label in wanted.labels:
        if all(getattr(structure, label) is None for structure in structures):
            reason = " (stress needs structures that are periodic in all directions)" if label == "stress" else ""
            raise DataError(
                f"no training structure has a label for {label}{reason}; set data.keys.{label}, "
                f"or loss.{label} to 0 to train without it"
            )


def _task(data: DataConfig, name: str, reference: ReferenceEnergies) -> Task:
    config = data.tasks.get(name, TaskConfig())
    return Task(name, config.level_of_theory, reference.values, dict(config.defaults))


def _task_statistics(train: Subset, task: str) -> Statistics:
    chosen = train.take([index for index, structure in enumerate(train.structures) if structure.task == task])
    if not chosen.structures:
        raise DataError(f"no training structure belongs to task {task!r}; add data or remove the task")
    return statistics(chosen.structures, chosen.graphs)


def _files(data: DataConfig, folder: Path) -> list[dict[str, str]]:
    paths = dict.fromkeys(entry.path for entry in (*data.train, *data.validation, *data.test))
    return [{"path": path, "sha256": sha256(folder / path)} for path in paths]


def dtype_of(name: str) -> torch.dtype:
    """``"float32"`` or ``"float64"`` as a torch dtype."""
    return {"float32": torch.float32, "float64": torch.float64}[name]
