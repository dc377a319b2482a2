# SPDX-License-Identifier: MIT
"""What a fine-tuning run knows beside data and model: what trains, the old data, the errors before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.io import write
from torch import nn

from mlipkit.data.dataset import Dataset, Subset
from mlipkit.data.errors import DataError
from mlipkit.train.config import LossConfig
from mlipkit.train.finetune_config import FinetuneConfig
from mlipkit.train.finetuning import report
from mlipkit.train.finetuning.adapters import Trained
from mlipkit.train.finetuning.references import TaskReferences
from mlipkit.train.results import Results

if TYPE_CHECKING:
    from rich.console import RenderableType

# Labels nearer to the predictions than this are predictions: converged calculations differ from any model by more.
SAME_LABELS = 1e-4  # of the RMS label
SAME_ENERGY = 1e-5  # eV/atom


@dataclass
class FineTuning:
    """A fine-tuning run before its first step."""

    finetune: FinetuneConfig
    trained: Trained
    references: list[TaskReferences]
    notes: list[str]
    replay: Dataset | None
    probe: Subset  # old data that are only measured; may be empty
    before: dict[str, report.Errors]  # of the initial model, by data set

    @property
    def files(self) -> list[dict[str, str]]:
        """Path and checksum of the replayed files."""
        return self.replay.files if self.replay is not None else []

    def describe(self, model: nn.Module) -> Iterator[RenderableType]:
        """For people, before the first step."""
        yield report.reference_table(self.references)
        yield from report.reference_notes(self.references)
        yield from self.notes
        yield from self.trained.lines(model)
        if len(self.probe):
            yield f"old data that are only measured: {len(self.probe)} structures"
        else:
            yield "no old data are given (finetune.replay, finetune.probe): what the model forgets will not be measured"

    def save_probe(self, folder: Path) -> None:
        """Writes the old data that are only measured to ``probe.extxyz``."""
        if len(self.probe):
            write(folder / "probe.extxyz", [s.to_atoms() for s in self.probe.structures], format="extxyz")

    def after(self, on_new: report.Errors, on_old: report.Errors | None) -> list[dict[str, Any]]:
        """Errors of the tuned model beside those of the initial one.

        Args:
            on_new: errors of the tuned model on the validation structures.
            on_old: on the probe; None where there is none.
        """
        found = {report.NEW: on_new, **({} if on_old is None else {report.OLD: on_old})}
        return report.comparison(self.before, found)

    def summary(self, rows: list[dict[str, Any]], model: nn.Module) -> dict[str, Any]:
        """For ``summary.json``."""
        return {
            "method": self.finetune.method,
            "trained": {
                "numbers": sum(p.numel() for p in model.parameters() if p.requires_grad),
                **asdict(self.trained),
            },
            "reference_energies": {
                r.task: {
                    "old": r.old,
                    "new": r.energies.values,
                    "source": r.energies.source,
                    "undetermined": r.energies.undetermined,
                    "rms_old": _number(r.rms_old),
                    "rms_new": _number(r.rms_new),
                    "n_energies": r.n_energies,
                }
                for r in self.references
            },
            "probe_structures": len(self.probe),
            "before_and_after": rows,
            "notes": self.notes,
        }


def check_something_to_learn(loss: LossConfig, untrained: Results, found: Mapping[str, TaskReferences]) -> None:
    """Every task has labels that the loss asks for, and the model does not predict them already.

    Args:
        loss: of the run.
        untrained: predictions of the initial model for the training structures, energies without E0.
        found: E0 of each task.

    Raises:
        DataError: a task without any label, or labels that are the model's own predictions.
    """
    wanted = [*loss.labels(), *loss.outputs]
    for task in dict.fromkeys(structure.task for structure in untrained.structures):
        of_task = [structure for structure in untrained.structures if structure.task == task]
        if not any(getattr(s, name, None) is not None or name in s.outputs for s in of_task for name in wanted):
            raise DataError(
                f"none of the {len(of_task)} training structures of task {task!r} has a label that the loss asks for "
                f"({', '.join(wanted)}): nothing would be learnt; set data.keys, or remove these files"
            )
    small = []
    for name in wanted:
        pair = untrained.pairs.get("energy_per_atom" if name == "energy" else name)
        if pair is None:
            continue
        if name == "energy":
            small.append(all(not r.rms_new > SAME_ENERGY for r in found.values()))
        else:
            label, predicted = pair.known()
            small.append(bool(np.sqrt(np.mean((predicted - label) ** 2)) <= SAME_LABELS * np.sqrt(np.mean(label**2))))
    if all(small):
        raise DataError(
            "the labels are what the checkpoint predicts, to within rounding: the loss is zero before the first step "
            "and there is nothing to learn. Were they written by this very model? Give labels of a reference "
            "calculation (data.keys names them)"
        )


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
