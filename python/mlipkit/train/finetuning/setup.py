# SPDX-License-Identifier: MIT
"""From a configuration with ``finetune`` to data, a model and what is known of both before the first step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from mlipkit.checkpoint import Checkpoint, load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.dataset import Dataset, Subset, Subsets, all_species, dtype_of, prepare, read_data
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted
from mlipkit.data.lazy import chosen, joined, set_reference_energies
from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.scan import Show
from mlipkit.data.structure import Structure
from mlipkit.data.subset import SubsetMaker
from mlipkit.data.table import Tables
from mlipkit.nn import ArchitectureConfig, config_class
from mlipkit.train.batches import collated, held_out, threads
from mlipkit.train.config import TrainConfig
from mlipkit.train.finetuning.adapters import choose_trained
from mlipkit.train.finetuning.choices import chosen_species, chosen_tasks, data_with_tasks, with_task
from mlipkit.train.finetuning.growth import grown
from mlipkit.train.finetuning.references import TaskReferences, fill_in_new_species, find_references
from mlipkit.train.finetuning.replay import check_disjoint, prepare_replay, read_probe, read_replay, renamed
from mlipkit.train.finetuning.report import NEW, OLD, Errors
from mlipkit.train.finetuning.tuning import FineTuning, check_something_to_learn
from mlipkit.train.prediction import predict_batches
from mlipkit.train.results import Results, errors
from mlipkit.train.setup import Prepared, check_conditions, check_outputs, condition_defaults


def set_up_finetuning(config: TrainConfig, folder: Path, show: Show = lambda path, done, total: None) -> Prepared:
    """Reads the data, grows the checkpoint to their species and tasks, finds E0, measures the model as it is.

    Args:
        config: checked configuration with ``init`` and ``finetune``.
        folder: relative paths start here.
        show: is told how far a first pass over a data store is.

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
    return start.prepared(subsets, show)


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

    def prepared(self, subsets: Subsets, show: Show) -> Prepared:
        """Data and model, ready for the first step."""
        old_subsets, probe_structures = self._read_old(subsets)
        dataset = prepare(self.data, self.folder, subsets, self.builder, self.wanted, show, self._find_references)
        check_conditions(self.described, [dataset.validation, dataset.test])
        assert self.untrained is not None
        check_something_to_learn(self.config.loss, self.untrained, self.references)
        before = {NEW: self._errors(dataset.validation)}
        replay, probe = self._old_data(old_subsets, probe_structures, show)
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

    def _read_old(self, subsets: Subsets) -> tuple[Subsets, Sequence[Structure]]:
        """Structures of replay and probe; none of them may be new data too."""
        old_task = self.old_tasks[0] if len(self.old_tasks) == 1 else None
        found: Subsets = {}
        if self.finetune.replay is not None:
            replay = self.finetune.replay
            replay = replay.model_copy(update={"data": with_task(replay.data, old_task, self.data)})
            self.replay_section, found = read_replay(replay, self.data, self.folder, self.wanted)
        entries = with_task(self.finetune.probe, old_task, self.data)
        probe = read_probe(entries, self.data, self.folder, self.wanted) if entries else []
        check_disjoint(
            {
                "data": chain.from_iterable(subsets.values()),
                "finetune.replay": found.get("train", []),
                "finetune.probe": probe,
            }
        )
        self.replayed_tasks = {structure.task for structure in found.get("train", [])}
        return found, probe

    def _find_references(self, isolated: Sequence[Structure], train: Subset) -> dict[str, ReferenceEnergies]:
        """E0 of every task, from what the initial model leaves of the energies."""
        check_conditions(self.described, [train])
        self.untrained = self._predict(train)
        sizes = train.table.n_atoms.astype(np.float64)
        pair = self.untrained.pairs.get("energy_per_atom")
        interaction = np.zeros_like(sizes) if pair is None else pair.predicted * sizes
        for task in self.checkpoint.tasks:
            rows = np.flatnonzero(train.table.of("task", task.name))
            self.references[task.name] = find_references(
                task.name,
                {symbol: task.e0[symbol] for symbol in self.builder.species},
                self.new_species,
                self.data.tasks[task.name].e0,
                [structure for structure in isolated if structure.task == task.name],
                chosen(train.structures, rows),
                interaction[rows],
                refit=self.finetune.e0 == "refit" and task.name not in self.replayed_tasks,
            )
        self.notes += fill_in_new_species(self.references, self.new_species)
        return {name: found.energies for name, found in self.references.items()}

    def _old_data(
        self, subsets: Subsets, probe_structures: Sequence[Structure], show: Show
    ) -> tuple[Dataset | None, Subset]:
        """The pool to replay from, and what is only measured: what was held out of it and the probe."""
        maker = SubsetMaker(self.data, self.builder, show)
        measured = [maker.subset(probe_structures)]
        self.notes += [*maker.notes, *maker.filters.lines()]
        replay = None
        if self.finetune.replay is not None:
            final = {name: found.energies for name, found in self.references.items()}
            replay = prepare_replay(self.replay_section, self.folder, subsets, self.builder, show, lambda *_: final)
            replay.uses = renamed(replay.uses, "replay")
            check_conditions(self.described, [replay.train])
            measured.append(replay.validation)
        structures = joined([subset.structures for subset in measured])
        graphs = joined([subset.graphs for subset in measured])
        probe = Subset(structures, graphs, Tables().of(structures, graphs))
        check_conditions(self.described, [probe])
        return replay, probe

    def _errors(self, subset: Subset) -> Errors:
        return errors(self._predict(subset))

    def _errors_with_old_e0(self, subset: Subset) -> Errors:
        """Old data are measured with the E0 that the checkpoint had; the graphs are left with the new ones."""
        species = self.builder.species
        set_reference_energies(subset.graphs, [task.e0 for task in self.checkpoint.tasks], species)
        found = self._errors(subset)
        set_reference_energies(subset.graphs, [r.energies.values for r in self.references.values()], species)
        return found

    def _predict(self, subset: Subset) -> Results:
        found = collated(subset, held_out(self.config, subset), threads(self.config, subset))
        return predict_batches(self.model, subset.structures, (batch.to(self.device) for batch in found))


def _device(config: TrainConfig) -> str:
    """Where the initial model is evaluated."""
    if config.device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
