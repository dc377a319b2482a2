# SPDX-License-Identifier: MIT
"""Errors of a finished model, checkpoint or artifact, on data files.

A checkpoint is evaluated by the PyTorch reference, an artifact by the engine that the hosts use.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from pydantic import ValidationError

from mlipkit.checkpoint import Checkpoint, Task, load_checkpoint
from mlipkit.data.config import DataConfig, FileEntry, Label, TaskConfig
from mlipkit.data.dataset import dtype_of
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.keys import Keys, UnitNames
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.structure import Structure
from mlipkit.nn import ArchitectureConfig
from mlipkit.train.config_file import ConfigError, explain
from mlipkit.train.prediction import predict_all
from mlipkit.train.results import Results, collect

MANIFEST = "extra/mlip.json"


class Predictor(Protocol):
    """A model to evaluate: what it knows, and its predictions."""

    kind: str
    species: list[str]
    tasks: list[Task]
    conditions: list[str]
    outputs: dict[str, int]  # name -> width

    def predict(self, structures: Sequence[Structure]) -> Results: ...


@dataclass
class Options:
    """How to read the data and run the model."""

    keys: Mapping[str, str]
    units: Mapping[str, str]
    frames: str = ":"
    task: str | None = None
    precision: str | None = None  # single, mixed or double
    device: str = "cpu"
    batch_size: int = 8


def open_predictor(path: Path, options: Options) -> Predictor:
    """Opens an artifact or a checkpoint, whichever the file is.

    Raises:
        CheckpointError, EngineError: it is neither, or cannot be used.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith(MANIFEST) for name in archive.namelist()):
                return ArtifactPredictor(path, options)
    return CheckpointPredictor(path, options)


def read_labelled(paths: Sequence[Path], predictor: Predictor, options: Options) -> list[Structure]:
    """Structures of all files with the labels that they have; labels whose key is named must occur.

    Raises:
        DataError: nothing to compare with, or what the model cannot take.
        ConfigError: an unknown key or unit.
    """
    data, named = _data_config(predictor, options)
    conditions = {
        name: {t.name: t.defaults[name] for t in predictor.tasks if name in t.defaults} for name in predictor.conditions
    }
    entry = data.train[0]

    def read(labels: Sequence[Label], entry: FileEntry) -> list[Structure]:
        return [s for path in paths for s in read_structures(path, entry, data, Wanted(labels, conditions))]

    structures = read((), entry)
    # Reading once more with a label wanted raises the message that names file, frame and the keys that are there.
    energy: list[Label] = ["energy"]
    for label in named or ([] if _any_label(structures) else energy):
        if all(getattr(structure, label) is None for structure in structures):
            read((label,), entry)
            raise DataError(f"no structure has a {label}: it needs three periodic directions; leave out --key {label}")
    for name in data.keys.outputs:
        if not any(name in structure.outputs for structure in structures):
            read((), entry.model_copy(update={"incomplete": ()}))
    for structure in structures:
        unknown = [symbol for symbol in structure.symbols if symbol not in predictor.species]
        if unknown:
            raise DataError(
                f"{structure.where}: the model does not know species {unknown[0]!r}; it knows "
                f"{', '.join(predictor.species)}"
            )
    return structures


def missing_labels(structures: Sequence[Structure], results: Results) -> list[str]:
    """A line for each compared quantity that some structures have no label for."""
    lines = []
    attributes = {"energy_per_atom": "energy"}
    for quantity in results.pairs:
        name = attributes.get(quantity, quantity)
        without = [
            s for s in structures if (getattr(s, name, None) if hasattr(s, name) else s.outputs.get(name)) is None
        ]
        if without:
            lines.append(f"no {name} in {len(without)} of {len(structures)} structures (first: {without[0].where})")
    return lines


def _any_label(structures: Sequence[Structure]) -> bool:
    return any(s.energy is not None or s.forces is not None or s.stress is not None for s in structures)


def _data_config(predictor: Predictor, options: Options) -> tuple[DataConfig, list[Label]]:
    """Keys, units and tasks as for training, and the labels whose keys are named."""
    fields = set(Keys.model_fields) - {"outputs"}
    named = {name: key for name, key in options.keys.items() if name in fields}
    outputs = {name: key for name, key in options.keys.items() if name not in fields}
    for name in outputs:
        if name not in predictor.outputs:
            known = sorted(fields | set(predictor.outputs))
            raise ConfigError(f"--key {name}: unknown quantity{nearest(name, known)} (known: {', '.join(known)})")
    tasks = {task.name: TaskConfig(defaults=task.defaults) for task in predictor.tasks}
    unknown_units = set(options.units) - set(UnitNames.model_fields)
    if unknown_units:
        name, known = min(unknown_units), sorted(UnitNames.model_fields)
        raise ConfigError(f"--unit {name}: unknown quantity{nearest(name, known)} (known: {', '.join(known)})")
    try:
        data = DataConfig(
            train=(FileEntry(path="*", frames=options.frames, task=options.task, incomplete=tuple(outputs)),),
            keys=Keys.model_validate({**named, "outputs": outputs}),
            units=UnitNames.model_validate(dict(options.units)),
            tasks=tasks,
            keep_isolated_atoms=True,  # they are evaluated like any other structure
        )
    except ValidationError as error:
        raise ConfigError(explain(error, DataConfig)) from None
    everything: tuple[Label, ...] = ("energy", "forces", "stress")
    return data, [label for label in everything if label in named]


class CheckpointPredictor:
    """The PyTorch reference with the parameters of a checkpoint."""

    kind = "checkpoint"

    def __init__(self, path: Path, options: Options) -> None:
        checkpoint: Checkpoint = load_checkpoint(path)
        model = checkpoint.build()
        config = cast(ArchitectureConfig, model.config)
        precisions: dict[str | None, str] = {None: checkpoint.dtype, "single": "float32", "double": "float64"}
        if options.precision not in precisions:
            raise ConfigError(f"--precision {options.precision}: a checkpoint is evaluated in single or double")
        self.dtype = dtype_of(precisions[options.precision])
        self.model = model.to(self.dtype).to(options.device)
        self.options = options
        self.species: list[str] = list(config.species)
        self.cutoff = float(config.cutoff)
        self.tasks = checkpoint.tasks
        self.conditions = list(config.condition_ranges)
        self.outputs = {output.name: output.width for output in config.outputs}

    def predict(self, structures: Sequence[Structure]) -> Results:
        names = [task.name for task in self.tasks]
        builder = GraphBuilder(self.species, self.cutoff, names, self.dtype, self.outputs)
        graphs = [builder.graph(structure, min_distance=0.0) for structure in structures]
        add_reference_energies(graphs, [task.e0 for task in self.tasks], self.species)
        graphs = [graph.to(self.options.device) for graph in graphs]
        return predict_all(self.model, structures, graphs, self.options.batch_size)


class ArtifactPredictor:
    """A frozen model in the engine."""

    kind = "artifact"

    def __init__(self, path: Path, options: Options) -> None:
        from mlipkit.export.reader import read_manifest

        manifest = read_manifest(path)
        self.path, self.options = path, options
        self.species = list(manifest.species)
        self.conditions = list(manifest.conditions)
        self.outputs = {output.name: output.width for output in manifest.outputs if output.per == "atom"}
        self.tasks = [
            Task(
                entry.name,
                entry.level_of_theory,
                entry.e0,
                {name: c.default[entry.name] for name, c in manifest.conditions.items() if entry.name in c.default},
            )
            for entry in manifest.tasks
        ]

    def predict(self, structures: Sequence[Structure]) -> Results:
        from mlipkit.interfaces.ase import VOIGT, MLIPCalculator

        calculators = {
            task: MLIPCalculator(
                str(self.path), precision=self.options.precision, device=self.options.device, task=task, skin=0.0
            )
            for task in dict.fromkeys(structure.task for structure in structures)
        }
        energies, forces, stresses = [], [], []
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in self.outputs}
        for structure in structures:
            calculator = calculators[structure.task]
            calculator.calculate(structure.to_atoms())
            found = calculator.results
            energies.append(found["energy"])
            forces.append(found["forces"])
            periodic = all(structure.pbc)
            stresses.append(np.asarray(found["stress"])[np.argsort(VOIGT)] if periodic else np.full(6, np.nan))
            for name, width in self.outputs.items():
                outputs[name].append(np.asarray(found[name]).reshape(len(structure), width))
        e0 = {task.name: task.e0 for task in self.tasks}
        return collect(
            structures,
            np.array(energies),
            np.concatenate(forces),
            np.stack(stresses),
            {name: np.concatenate(values) for name, values in outputs.items()},
            np.array([sum(e0[s.task][symbol] for symbol in s.symbols) for s in structures]),
        )
