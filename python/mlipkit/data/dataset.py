# SPDX-License-Identifier: MIT
"""Everything between data files and batches: reading, species, splits, graphs, reference energies, statistics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers
from ase.io import write

from mlipkit.checkpoint import Task
from mlipkit.data.alignment import Alignment, all_reference_energies
from mlipkit.data.boltzmann import weigh
from mlipkit.data.checks import check_labels, check_outputs, warn
from mlipkit.data.config import DataConfig, TaskConfig
from mlipkit.data.errors import DataError
from mlipkit.data.files import DataFile, FileUse, all_files, check_used_once, checksum
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.lazy import Joined, joined, set_reference_energies
from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.scan import Show
from mlipkit.data.split import random_split
from mlipkit.data.statistics import Statistics, statistics
from mlipkit.data.store import is_store
from mlipkit.data.stored import StoredStructures
from mlipkit.data.structure import Structure
from mlipkit.data.subset import (
    Subset,
    SubsetMaker,
    check_config_types,
    frames_of,
    join,
    partition,
)
from mlipkit.data.table import Table

Subsets = dict[str, Sequence[Structure]]  # "train", "validation", "test"
# E0 of every task from isolated atoms and training structures, whose graphs still lack them
References = Callable[[Sequence[Structure], Subset], dict[str, ReferenceEnergies]]
MOST_KEPT = 20_000  # held-out structures of a store that are kept in memory
MOST_WRITTEN = 10_000  # held-out structures of a store that are written as extxyz


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
    alignments: dict[str, Alignment]  # of the tasks that were aligned to another
    statistics: Statistics  # of the training structures
    statistics_by_task: dict[str, Statistics]
    uses: list[FileUse] = field(default_factory=list)  # what each file gave
    notes: list[str] = field(default_factory=list)  # what was left out, for people

    @property
    def files(self) -> list[dict[str, str]]:
        """Path and checksum of each file, once."""
        return [{"path": path, "sha256": digest} for path, digest in {u.path: u.sha256 for u in self.uses}.items()]

    def subsets(self) -> dict[str, Subset]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def read_data(data: DataConfig, folder: Path, wanted: Wanted) -> Subsets:
    """Structures of all files, not yet split; those of stores are read when they are asked for.

    Raises:
        DataError: no such file, a frame that is used twice; see also :func:`mlipkit.data.labels.read_structures`.
    """
    read = {
        use: [(file, _structures(file, data, wanted)) for file in files]
        for use, files in all_files(data, folder).items()
    }
    check_used_once(found for files in read.values() for found in files)
    return {use: joined([found for _, found in files]) for use, files in read.items()}


def all_species(subsets: Mapping[str, Sequence[Structure]]) -> list[str]:
    """Chemical symbols of all structures, by atomic number."""
    found: set[str] = set()
    for structures in subsets.values():
        for part in structures.parts if isinstance(structures, Joined) else [structures]:
            if isinstance(part, StoredStructures):
                found.update(part.species())
            else:
                found.update(symbol for structure in part for symbol in set(structure.symbols))
    return sorted(found, key=lambda symbol: atomic_numbers[symbol])


def prepare(
    data: DataConfig,
    folder: Path,
    subsets: Subsets,
    builder: GraphBuilder,
    wanted: Wanted,
    show: Show = lambda path, done, total: None,
    find_references: References | None = None,
) -> Dataset:
    """Graphs, reference energies and statistics.

    Args:
        data: configuration.
        folder: relative paths start here.
        subsets: from :func:`read_data`.
        builder: knows species, cutoff, tasks and dtype of the model.
        wanted: a label that is wanted must occur in the training structures.
        show: is told how far a first pass over a store is.
        find_references: gives E0 of every task; then tasks may be without data. None: see
            :mod:`mlipkit.data.reference`.

    Raises:
        DataError: unknown species, no structures left, reference energies that cannot be found, a wanted label missing.
    """
    check_config_types(data, list(subsets.values()))
    maker = SubsetMaker(data, builder, show)
    prepared, isolated = _split(data, {name: maker.subset(found) for name, found in subsets.items()}, maker)
    if data.boltzmann is not None:
        prepared, line = weigh(data.boltzmann, prepared)
        maker.notes.append(line)
    train = prepared["train"]
    check_labels(train, wanted)
    check_outputs(train.structures, builder, data)
    if find_references is None:
        tasks = builder.tasks
        known = train.structures if isinstance(train.structures, list) else train.table
        references, alignments = all_reference_energies(data, builder.species, tasks, isolated, known)
    else:
        tasks = [task for task in builder.tasks if train.table.of("task", task).any()]
        references, alignments = find_references(isolated, train), {}
    warn(prepared, references)
    e0 = {task: references[task].values for task in builder.tasks}
    for subset in prepared.values():
        set_reference_energies(subset.graphs, list(e0.values()), builder.species)
    return Dataset(
        species=builder.species,
        tasks=[_task(data, name, references[name]) for name in builder.tasks],
        isolated=isolated,
        references=references,
        alignments=alignments,
        statistics=statistics(train.table, e0),
        statistics_by_task={task: _task_statistics(train.table, task, e0) for task in tasks},
        uses=_uses(data, folder, subsets),
        notes=[*maker.notes, *maker.filters.lines()],
        **prepared,
    )


def save_split(dataset: Dataset, folder: Path) -> None:
    """Writes ``split.json`` (file and frame of every structure) and one extxyz file per held-out subset.

    Frames of a store are in a ``.npy`` file beside it, which ``split.json`` names; a held-out subset of a store is
    written as extxyz where it has at most 10,000 structures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"files": dataset.files}
    for name, subset in dataset.subsets().items():
        content[name] = by_file = dict[str, Any]()
        for number, (file, frames) in enumerate(frames_of(subset.structures)):
            if isinstance(frames, list):
                by_file.setdefault(file, []).extend(frames)
            else:
                np.save(folder / f"{name}-{number}.npy", frames)
                by_file[f"{file} ({number})" if file in by_file else file] = f"{name}-{number}.npy"
        if name != "train" and (subset.in_memory or len(subset) <= MOST_WRITTEN) and len(subset):
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
        "alignments": {task: asdict(alignment) for task, alignment in dataset.alignments.items()},
        "files": [asdict(use) for use in dataset.uses],
        "notes": dataset.notes,
    }


def _structures(file: DataFile, data: DataConfig, wanted: Wanted) -> Sequence[Structure]:
    arguments = (file.path, file.entry, data, wanted, file.source)
    return StoredStructures(*arguments) if is_store(file.path) else read_structures(*arguments)


def _split(
    data: DataConfig, prepared: dict[str, Subset], maker: SubsetMaker
) -> tuple[dict[str, Subset], list[Structure]]:
    """Training, validation and test structures, and the isolated atoms among the training structures."""
    train, isolated = partition(prepared["train"], prepared["train"].table.isolated())
    prepared["train"] = train  # isolated atoms give E0 whatever their weight
    prepared = {name: maker.without_weightless(subset, name) for name, subset in prepared.items()}
    train = prepared["train"]
    if not len(train):
        notes = [*maker.notes, *maker.filters.lines()]
        raise DataError("; ".join(["no structures left for train", *notes]) + "; add data, or change what is left out")
    split = random_split(len(train), data.validation_fraction(), data.split.test, data.split.seed)
    for name, rows in (("validation", split.validation), ("test", split.test)):
        if len(rows):
            prepared[name] = train.take(rows)
    prepared["train"] = train if len(split.train) == len(train) else train.take(split.train)
    if data.keep_isolated_atoms:
        kept = maker.without_weightless(isolated, "isolated")
        prepared["train"] = join([prepared["train"], kept], maker.tables)
    for name in ("train", "validation"):
        if not len(prepared[name]):
            raise DataError(f"no structures left for {name}; add data or change data.split")
    for name in ("validation", "test"):
        held_out = prepared[name]
        if len(held_out) <= MOST_KEPT:  # errors are computed from them after every epoch
            prepared[name] = Subset(list(held_out.structures), held_out.graphs, held_out.table)
    return prepared, list(isolated.structures)


def _task(data: DataConfig, name: str, reference: ReferenceEnergies) -> Task:
    config = data.tasks.get(name, TaskConfig())
    return Task(name, config.level_of_theory, reference.values, dict(config.defaults))


def _task_statistics(table: Table, task: str, e0: Mapping[str, Mapping[str, float]]) -> Statistics:
    found = table.take(table.of("task", task))
    if not len(found):
        raise DataError(f"no training structure belongs to task {task!r}; add data or remove the task")
    return statistics(found, e0)


def _uses(data: DataConfig, folder: Path, subsets: Subsets) -> list[FileUse]:
    files = [(use, file) for use, found in all_files(data, folder).items() for file in found]
    digests = {path: checksum(path) for path in {file.path for _, file in files}}
    tasks: dict[tuple[str, str], Counter[str]] = {}  # of the frames, by file and entry
    for structures in subsets.values():
        for part in structures.parts if isinstance(structures, Joined) else [structures]:
            if isinstance(part, StoredStructures):
                tasks[str(part.path), part.source] = part.structures_per_task()
            else:
                for structure in part:
                    tasks.setdefault((structure.file, structure.source), Counter())[structure.task] += 1

    def row(use: str, file: DataFile) -> FileUse:
        found = tasks.get((str(file.path), file.source), Counter[str]())
        return FileUse(file.name, use, digests[file.path], found.total(), list(found), file.entry.weight)

    return [row(use, file) for use, file in files]


def dtype_of(name: str) -> torch.dtype:
    """``"float32"`` or ``"float64"`` as a torch dtype."""
    return {"float32": torch.float32, "float64": torch.float64}[name]
