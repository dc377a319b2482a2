# SPDX-License-Identifier: MIT
"""Everything between data files and batches: reading, species, splits, graphs, reference energies, statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from ase.data import atomic_numbers
from ase.io import write

from mlipkit.checkpoint import Task
from mlipkit.data.alignment import Alignment, all_reference_energies
from mlipkit.data.config import DataConfig, TaskConfig
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.files import DataFile, FileUse, all_files, check_used_once
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.plausibility import warn_of_implausible, warn_of_references
from mlipkit.data.reading import sha256
from mlipkit.data.reference import ReferenceEnergies, is_isolated
from mlipkit.data.split import random_split
from mlipkit.data.statistics import Statistics, statistics
from mlipkit.data.structure import Structure
from mlipkit.data.subset import Subset, check_config_types, partition, with_graphs, without_weightless

Subsets = dict[str, list[Structure]]  # "train", "validation", "test"
References = Callable[[Subset, Subset], dict[str, ReferenceEnergies]]  # from isolated atoms and training structures


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
    """Structures of all files, not yet split.

    Raises:
        DataError: no such file, a frame that is used twice; see also :func:`mlipkit.data.labels.read_structures`.
    """
    read = {
        use: [(file, read_structures(file.path, file.entry, data, wanted, file.source)) for file in files]
        for use, files in all_files(data, folder).items()
    }
    check_used_once(found for files in read.values() for found in files)
    return {use: [structure for _, found in files for structure in found] for use, files in read.items()}


def all_species(subsets: Mapping[str, Sequence[Structure]]) -> list[str]:
    """Chemical symbols of all structures, by atomic number."""
    found = {symbol for structures in subsets.values() for structure in structures for symbol in set(structure.symbols)}
    return sorted(found, key=lambda symbol: atomic_numbers[symbol])


def prepare(
    data: DataConfig,
    folder: Path,
    subsets: Subsets,
    builder: GraphBuilder,
    wanted: Wanted,
    find_references: References | None = None,
) -> Dataset:
    """Graphs, reference energies and statistics.

    Args:
        data: configuration.
        folder: relative paths start here.
        subsets: from :func:`read_data`.
        builder: knows species, cutoff, tasks and dtype of the model.
        wanted: a label that is wanted must occur in the training structures.
        find_references: gives E0 of every task; then tasks may be without data. None: see
            :mod:`mlipkit.data.reference`.

    Raises:
        DataError: unknown species, no structures left, reference energies that cannot be found, a wanted label missing.
    """
    check_config_types(data, [structure for found in subsets.values() for structure in found])
    notes: list[str] = []
    prepared = {name: with_graphs(found, builder, data, notes) for name, found in subsets.items()}
    train, isolated = partition(prepared["train"], _isolated_indices(prepared["train"]))
    prepared["train"] = train  # isolated atoms give E0 whatever their weight
    prepared = {name: without_weightless(subset, name, notes) for name, subset in prepared.items()}
    train = prepared["train"]
    if not train.structures:
        raise DataError("; ".join(["no structures left for train", *notes]) + "; add data, or change what is left out")
    split = random_split(len(train), data.validation_fraction(), data.split.test, data.split.seed)
    for name, indices in (("validation", split.validation), ("test", split.test)):
        if indices:
            prepared[name] = partition(train, indices)[1]
    prepared["train"] = partition(train, split.train)[1]
    if data.keep_isolated_atoms:
        kept = without_weightless(isolated, "isolated", notes)
        prepared["train"].structures.extend(kept.structures)
        prepared["train"].graphs.extend(kept.graphs)
    for name in ("train", "validation"):
        if not prepared[name].structures:
            raise DataError(f"no structures left for {name}; add data or change data.split")
    _check_labels(prepared["train"].structures, wanted)
    _check_outputs(prepared["train"].structures, builder, data)
    if find_references is None:
        tasks = builder.tasks
        references, alignments = all_reference_energies(
            data, builder.species, tasks, isolated.structures, prepared["train"].structures
        )
    else:
        with_data = {structure.task for structure in prepared["train"].structures}
        tasks = [task for task in builder.tasks if task in with_data]
        references, alignments = find_references(isolated, prepared["train"]), {}
    warn_of_implausible([structure for subset in prepared.values() for structure in subset.structures])
    warn_of_references(prepared["train"].structures, references)
    e0 = [references[task].values for task in builder.tasks]
    for subset in prepared.values():
        add_reference_energies(subset.graphs, e0, builder.species)
    return Dataset(
        species=builder.species,
        tasks=[_task(data, name, references[name]) for name in builder.tasks],
        isolated=isolated.structures,
        references=references,
        alignments=alignments,
        statistics=statistics(prepared["train"].structures, prepared["train"].graphs),
        statistics_by_task={task: _task_statistics(prepared["train"], task) for task in tasks},
        uses=_uses(data, folder, subsets),
        notes=notes,
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
        "alignments": {task: asdict(alignment) for task, alignment in dataset.alignments.items()},
        "files": [asdict(use) for use in dataset.uses],
        "notes": dataset.notes,
    }


def _isolated_indices(subset: Subset) -> list[int]:
    pairs = zip(subset.structures, subset.graphs, strict=True)
    return [index for index, (structure, graph) in enumerate(pairs) if is_isolated(structure, graph.centre.shape[0])]


def _check_labels(structures: Sequence[Structure], wanted: Wanted) -> None:
    for label in wanted.labels:
        if all(getattr(structure, label) is None for structure in structures):
            reason = " (stress needs structures that are periodic in all directions)" if label == "stress" else ""
            raise DataError(
                f"no training structure has a label for {label}{reason}; set data.keys.{label}, "
                f"or loss.{label} to 0 to train without it"
            )


def _check_outputs(structures: Sequence[Structure], builder: GraphBuilder, data: DataConfig) -> None:
    """Outputs of the model need labels, and labels of outputs a model that gives them."""
    named = {name for entries in data.entries().values() for e in entries for name in (e.keys or data.keys).outputs}
    for name in sorted(named):
        if name not in builder.outputs:
            raise DataError(
                f"data.keys.outputs names {name!r}, which is not among model.outputs{nearest(name, builder.outputs)}; "
                f"add {{name: {name}, unit: ...}} to model.outputs, or remove it from data.keys.outputs"
            )
    for name in builder.outputs:
        if not any(name in structure.outputs for structure in structures):
            raise DataError(
                f"no training structure has values for output {name!r}; set data.keys.outputs.{name} to the key that "
                "holds them, or remove it from model.outputs"
            )


def _task(data: DataConfig, name: str, reference: ReferenceEnergies) -> Task:
    config = data.tasks.get(name, TaskConfig())
    return Task(name, config.level_of_theory, reference.values, dict(config.defaults))


def _task_statistics(train: Subset, task: str) -> Statistics:
    chosen = train.take([index for index, structure in enumerate(train.structures) if structure.task == task])
    if not chosen.structures:
        raise DataError(f"no training structure belongs to task {task!r}; add data or remove the task")
    return statistics(chosen.structures, chosen.graphs)


def _uses(data: DataConfig, folder: Path, subsets: Subsets) -> list[FileUse]:
    files = [(use, file) for use, found in all_files(data, folder).items() for file in found]
    digests = {path: sha256(path) for path in {file.path for _, file in files}}
    tasks: dict[tuple[str, str], list[str]] = {}  # of each frame, by file and entry
    for structure in (structure for found in subsets.values() for structure in found):
        tasks.setdefault((structure.file, structure.source), []).append(structure.task)

    def row(use: str, file: DataFile) -> FileUse:
        found = tasks.get((str(file.path), file.source), [])
        return FileUse(file.name, use, digests[file.path], len(found), list(dict.fromkeys(found)), file.entry.weight)

    return [row(use, file) for use, file in files]


def dtype_of(name: str) -> torch.dtype:
    """``"float32"`` or ``"float64"`` as a torch dtype."""
    return {"float32": torch.float32, "float64": torch.float64}[name]
