# SPDX-License-Identifier: MIT
"""From a configuration with ``finetune`` to data, a model and what is known of both before the first step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mlipkit.checkpoint import Checkpoint, load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.dataset import Dataset, Subset, all_species, dtype_of, prepare, read_data
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.labels import Wanted
from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.structure import Structure
from mlipkit.data.subset import with_graphs
from mlipkit.nn import ArchitectureConfig, config_class
from mlipkit.train.config import TrainConfig
from mlipkit.train.finetuning.adapters import choose_trained
from mlipkit.train.finetuning.choices import chosen_species, chosen_tasks, data_with_tasks, with_task
from mlipkit.train.finetuning.growth import grown
from mlipkit.train.finetuning.references import TaskReferences, fill_in_new_species, find_references
from mlipkit.train.finetuning.replay import check_disjoint, prepare_replay, read_probe, read_replay, renamed
from mlipkit.train.finetuning.report import NEW, OLD, Errors
from mlipkit.train.finetuning.tuning import FineTuning, check_something_to_learn
from mlipkit.train.prediction import predict_all
from mlipkit.train.results import Results, errors
from mlipkit.train.setup import Prepared, check_conditions, check_outputs, condition_defaults


def set_up_finetuning(config: TrainConfig, folder: Path) -> Prepared:
    """Reads the data, grows the checkpoint to their species and tasks, finds E0, measures the model as it is.

    Args:
        config: checked configuration with ``init`` and ``finetune``.
        folder: relative paths start here.

    Raises:
        DataError: unusable data, or nothing to learn from them.
        ConfigError: species, tasks or options that do not fit the checkpoint.
        CheckpointError: the checkpoint cannot be used.
    """
    assert config.init is not None
    assert config.finetune is not None
    checkpoint = load_checkpoint(folder / config.init)
    tasks = chosen_tasks(config, checkpoint)
    data = data_with_tasks(config, tasks, checkpoint)
    schema = config_class(checkpoint.architecture).model_validate(checkpoint.config)
    assert isinstance(schema, ArchitectureConfig)
    wanted = Wanted(config.loss.labels(), condition_defaults(data.tasks, list(schema.condition_ranges)))
    check_outputs(config, [output.name for output in schema.outputs])
    subsets = read_data(data, folder, wanted)
    new_species = chosen_species(config.finetune, config.init, schema.species, all_species(subsets))
    start = _Start(config, folder, data, grown(checkpoint, new_species, tasks), list(new_species), schema.tasks, wanted)
    return start.prepared(subsets)


class _Start:
    """The grown checkpoint meets the data."""

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        data: DataConfig,
        checkpoint: Checkpoint,
        new_species: list[str],
        old_tasks: list[str],
        wanted: Wanted,
    ) -> None:
        assert config.finetune is not None
        self.config, self.folder, self.data, self.wanted = config, folder, data, wanted
        self.finetune, self.checkpoint = config.finetune, checkpoint
        self.new_species, self.old_tasks = new_species, old_tasks
        dtype = dtype_of(config.dtype)
        self.device = _device(config)
        self.model = checkpoint.build().to(dtype).to(self.device)
        described = self.model.config
        assert isinstance(described, ArchitectureConfig)
        self.described: ArchitectureConfig = described
        outputs = {output.name: output.width for output in described.outputs}
        self.builder = GraphBuilder(described.species, described.cutoff, described.tasks, dtype, outputs)
        self.references: dict[str, TaskReferences] = {}
        self.notes: list[str] = []
        self.untrained: Results | None = None  # predictions for the training structures, energies without E0

    def prepared(self, subsets: dict[str, list[Structure]]) -> Prepared:
        """Data and model, ready for the first step."""
        old_subsets, probe_structures = self._read_old(subsets)
        everything = [*subsets.values(), *old_subsets.values(), probe_structures]
        check_conditions(self.described, [structure for part in everything for structure in part])
        dataset = prepare(self.data, self.folder, subsets, self.builder, self.wanted, self._find_references)
        assert self.untrained is not None
        check_something_to_learn(self.config.loss, self.untrained, self.references)
        before = {NEW: self._errors(dataset.validation)}
        replay, probe = self._old_data(old_subsets, probe_structures)
        if len(probe):
            before[OLD] = self._errors_with_old_e0(probe)
        self.model.to("cpu")
        torch.manual_seed(self.config.seed)
        trained = choose_trained(self.model, self.finetune, len(self.new_species))
        tuning = FineTuning(self.finetune, trained, list(self.references.values()), self.notes, replay, probe, before)
        return Prepared(
            dataset,
            self.checkpoint.architecture,
            self.described.model_dump(mode="json"),
            self.model.train(),
            tuning,
            self.checkpoint.metadata,
        )

    def _read_old(self, subsets: dict[str, list[Structure]]) -> tuple[dict[str, list[Structure]], list[Structure]]:
        """Structures of replay and probe; none of them may be new data too."""
        old_task = self.old_tasks[0] if len(self.old_tasks) == 1 else None
        found: dict[str, list[Structure]] = {}
        if self.finetune.replay is not None:
            replay = self.finetune.replay
            replay = replay.model_copy(update={"data": with_task(replay.data, old_task, self.data)})
            self.replay_section, found = read_replay(replay, self.data, self.folder, self.wanted)
        entries = with_task(self.finetune.probe, old_task, self.data)
        probe = read_probe(entries, self.data, self.folder, self.wanted) if entries else []
        check_disjoint(
            {
                "data": [structure for part in subsets.values() for structure in part],
                "finetune.replay": found.get("train", []),
                "finetune.probe": probe,
            }
        )
        self.replayed_tasks = {structure.task for structure in found.get("train", [])}
        return found, probe

    def _find_references(self, isolated: Subset, train: Subset) -> dict[str, ReferenceEnergies]:
        """E0 of every task, from what the initial model leaves of the energies."""
        self.untrained = self._predict(train)
        sizes = np.array([len(structure) for structure in train.structures], dtype=np.float64)
        pair = self.untrained.pairs.get("energy_per_atom")
        interaction = np.zeros_like(sizes) if pair is None else pair.predicted * sizes
        for task in self.checkpoint.tasks:
            chosen = [index for index, structure in enumerate(train.structures) if structure.task == task.name]
            self.references[task.name] = find_references(
                task.name,
                {symbol: task.e0[symbol] for symbol in self.builder.species},
                self.new_species,
                self.data.tasks[task.name].e0,
                [structure for structure in isolated.structures if structure.task == task.name],
                [train.structures[index] for index in chosen],
                interaction[chosen],
                refit=self.finetune.e0 == "refit" and task.name not in self.replayed_tasks,
            )
        self.notes += fill_in_new_species(self.references, self.new_species)
        return {name: found.energies for name, found in self.references.items()}

    def _old_data(
        self, subsets: dict[str, list[Structure]], probe_structures: Sequence[Structure]
    ) -> tuple[Dataset | None, Subset]:
        """The pool to replay from, and what is only measured: what was held out of it and the probe."""
        probe = with_graphs(probe_structures, self.builder, self.data, self.notes)
        replay = None
        if self.finetune.replay is not None:
            final = {name: found.energies for name, found in self.references.items()}
            replay = prepare_replay(self.replay_section, self.folder, subsets, self.builder, lambda *_: final)
            replay.uses = renamed(replay.uses, "replay")
            probe.structures.extend(replay.validation.structures)
            probe.graphs.extend(replay.validation.graphs)
        return replay, probe

    def _errors(self, subset: Subset) -> Errors:
        return errors(self._predict(subset))

    def _errors_with_old_e0(self, subset: Subset) -> Errors:
        """Old data are measured with the E0 that the checkpoint had; the graphs are left with the new ones."""
        species = self.builder.species
        add_reference_energies(subset.graphs, [task.e0 for task in self.checkpoint.tasks], species)
        found = self._errors(subset)
        add_reference_energies(subset.graphs, [r.energies.values for r in self.references.values()], species)
        return found

    def _predict(self, subset: Subset) -> Results:
        size = self.config.validation_batch_size or self.config.batch_size
        graphs = [graph.to(self.device) for graph in subset.graphs]
        return predict_all(self.model, subset.structures, graphs, size)


def _device(config: TrainConfig) -> str:
    """Where the initial model is evaluated."""
    if config.device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
