# SPDX-License-Identifier: MIT
"""Models with random weights, tamed so that their energies and forces are as large as those of trained ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mlipkit.checkpoint import UNCERTAINTY, Checkpoint, Task
from mlipkit.export.artifact import architecture_config, condition_entries, reference_probe
from mlipkit.export.reference import ModelIndex
from mlipkit.nn import MACEConfig, build_model
from mlipkit.nn.ensemble import Ensemble


def random_checkpoint(config: dict[str, Any], tasks: list[Task], dtype: str = "float32", seed: int = 0) -> Checkpoint:
    """A MACE model with random weights whose largest force on the median structure of its probe is 1 eV/angstrom.

    Messages are five times larger than in training, so that all orders of the contraction count as in a trained model;
    not ten times: random radial networks make much of the shortest bonds, and the contraction takes powers of it.
    """
    torch.manual_seed(seed)
    options = {**config, "tasks": [task.name for task in tasks]}
    options.setdefault("message_divisor", 0.1 * (MACEConfig.model_validate(options).message_divisor or 0.0))
    model = build_model("mace", options)
    if model.config.ensemble > 1:
        imagine_calibration(model.ensemble)
    damped = {name: 0.5 * p if name.endswith("mixing") else p for name, p in model.named_parameters()}
    parameters = {name: p.detach().to(getattr(torch, dtype)) for name, p in damped.items()}
    plain = model.config.model_dump(mode="json")
    checkpoint = Checkpoint("mace", plain, parameters, tasks, dtype, metadata={"license": "MIT", "authors": ["Tests"]})
    if model.config.ensemble > 1:
        checkpoint.provenance[UNCERTAINTY] = {"members": model.config.ensemble}
    described = architecture_config(checkpoint)
    index = ModelIndex(described.species, described.tasks, described.cutoff)
    probe = reference_probe(checkpoint, index, condition_entries(described, checkpoint))
    largest = [np.abs(structure.forces).max() for structure in probe.structures]
    plain["scale"] = [float(1.0 / np.median(largest))] * len(tasks)
    return checkpoint


@torch.no_grad()
def imagine_calibration(ensemble: Ensemble) -> None:
    """Random members whose deviations sum to zero, and numbers of the size that a calibration finds."""
    drawn = 0.05 * torch.randn_like(ensemble.deviations)
    ensemble.deviations.copy_(drawn - drawn.mean(dim=2, keepdim=True))
    ensemble.floor.fill_(0.03)
    ensemble.slope.fill_(0.7)
