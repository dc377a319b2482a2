# SPDX-License-Identifier: MIT
"""The training configuration: every key that a user can set. No torch, so that mistakes are found at once."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from ase.data import atomic_numbers
from pydantic import Field, field_validator, model_validator

from mlipkit.data.config import DataConfig, Label
from mlipkit.data.keys import Section
from mlipkit.train.finetune_config import FinetuneConfig, with_defaults

Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class Deltas(Section):
    """Where the Huber loss turns from square to linear."""

    energy: Positive = Field(default=0.01, description="eV/atom")
    forces: Positive = Field(default=0.1, description="eV/angstrom")
    stress: Positive = Field(default=0.005, description="eV/angstrom^3")
    outputs: Positive = Field(default=0.05, description="in the unit of the output")


class LossStage(Section):
    """Other weights from some point of the run on; what is not given stays as it was."""

    after: Annotated[float, Field(ge=0, lt=1)] = Field(description="progress of the run, 0 to 1, at which it begins")
    ramp: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of the run over which weights move linearly to the new ones; 0: at once"
    )
    energy: Weight | None = Field(default=None, description="new weight of energies")
    forces: Weight | None = Field(default=None, description="new weight of forces")
    stress: Weight | None = Field(default=None, description="new weight of stresses")
    outputs: dict[str, Weight] = Field(default_factory=dict, description="named per-atom output: new weight")

    def weights(self, before: dict[str, float]) -> dict[str, float]:
        """All weights once the stage has arrived."""
        given = {"energy": self.energy, "forces": self.forces, "stress": self.stress, **self.outputs}
        return {**before, **{name: weight for name, weight in given.items() if weight is not None}}


class LossConfig(Section):
    """Sum over quantities of weight x mean error; the energy enters per atom."""

    kind: Literal["mse", "huber"] = Field(default="mse", description="square, or square near zero and linear beyond")
    energy: Weight = Field(default=1.0, description="weight of (eV/atom)^2; 0: energies are not needed")
    forces: Weight = Field(default=1.0, description="weight of (eV/angstrom)^2 per component; 0: not needed")
    stress: Weight = Field(default=0.0, description="weight of (eV/angstrom^3)^2 per component; 0: not needed")
    outputs: dict[str, Weight] = Field(default_factory=dict, description="named per-atom output: weight")
    huber_delta: Deltas = Field(default=Deltas(), description="for `kind: huber`")
    stages: tuple[LossStage, ...] = Field(default=(), description="other weights later in the run, in order")

    @model_validator(mode="after")
    def _consistent(self) -> LossConfig:
        if sum(self.weights().values()) == 0:
            raise ValueError("all weights are zero: nothing would be learnt")
        weights, end = self.weights(), 0.0
        for number, stage in enumerate(self.stages):
            unknown = [name for name in stage.outputs if name not in self.outputs]
            if unknown:
                raise ValueError(
                    f"stages.{number}.outputs names {unknown[0]!r}, which loss.outputs lacks; add it there"
                )
            if stage.after < end:
                raise ValueError(
                    f"stages.{number} begins at {stage.after:g}, before the one ahead of it ends ({end:g})"
                )
            end = stage.after + stage.ramp
            weights = stage.weights(weights)
            if sum(weights.values()) == 0:
                raise ValueError(f"stages.{number}: all weights are zero: nothing would be learnt")
        if end > 1:
            raise ValueError(f"the last stage ends at {end:g} of the run: after + ramp must not exceed 1")
        return self

    def weights(self) -> dict[str, float]:
        """Weights at the start of the run."""
        return {"energy": self.energy, "forces": self.forces, "stress": self.stress, **self.outputs}

    def labels(self) -> tuple[Label, ...]:
        """Labels that the data must have."""
        names: tuple[Label, ...] = ("energy", "forces", "stress")
        stages = [self.weights(), *(stage.weights(self.weights()) for stage in self.stages)]
        return tuple(name for name in names if any(weights[name] > 0 for weights in stages))


class OptimizerConfig(Section):
    """AdamW."""

    lr: Positive = Field(default=0.01, description="learning rate after the warm-up")
    weight_decay: Weight = Field(default=1e-6, description="decoupled; acts on weight matrices only")
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="of the running moments")
    amsgrad: bool = Field(default=False, description="keep the largest second moment")


class ScheduleConfig(Section):
    """Learning rate against progress. Progress is by epochs, or by time where `max_minutes` ends the run earlier."""

    kind: Literal["constant", "linear", "cosine", "exponential", "plateau"] = Field(
        default="cosine", description="shape"
    )
    warmup_steps: int = Field(default=0, ge=0, description="steps of linear rise to `optimizer.lr`")
    final: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.01,
        description="last learning rate as a fraction of the first (linear, cosine, exponential), floor (plateau)",
    )
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.5, description="plateau: multiply by this")
    patience: Count = Field(default=20, description="plateau: epochs without improvement before that")


class Metadata(Section):
    """Goes with the model into checkpoint and artifact."""

    license: str | None = Field(default=None, description="licence of the model, an SPDX name")
    authors: tuple[str, ...] = Field(default=(), description="who made it")
    citation: tuple[str, ...] = Field(default=(), description="what to cite")


class TrainConfig(Section):
    """A training run."""

    output: str = Field(description="folder of the run, made if need be; relative to the current folder")
    seed: int = Field(default=0, ge=0, description="of initial weights and of the order of structures")
    dtype: Literal["float32", "float64"] = Field(default="float32", description="of parameters and geometry")
    device: Literal["cpu", "cuda", "auto"] = Field(default="cpu", description="`cpu`, `cuda` or `auto`")
    threads: Count | None = Field(default=None, description="CPU threads; null: torch decides")
    data: DataConfig = Field(description="files, keys, units, tasks, split")
    init: str | None = Field(
        default=None, description="checkpoint to start from, relative to this file; null: random weights"
    )
    finetune: FinetuneConfig | None = Field(
        default=None, description="how the checkpoint is changed; null: as in a run that goes on"
    )
    model: dict[str, Any] = Field(
        default_factory=dict,
        description="`architecture` and its options, what is left out follows from the data; nothing with `init`",
    )
    loss: LossConfig = Field(default=LossConfig(), description="what is minimised")
    optimizer: OptimizerConfig = Field(default=OptimizerConfig(), description="AdamW")
    schedule: ScheduleConfig = Field(default=ScheduleConfig(), description="learning rate")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=0.99, description="decay of the averaged weights that are validated and saved; null: none"
    )
    gradient_clip: Positive | None = Field(default=10.0, description="largest norm of the gradient; null: no limit")
    workers: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="threads that make batches ahead; null: 2 with a data store, else none"
    )
    batch_size: Count = Field(default=4, description="structures per step")
    batch_edges: Count | None = Field(
        default=None,
        description="edges per step, instead of `batch_size`: steps of structures of any size take as long",
    )
    epoch_structures: Count | None = Field(
        default=None, description="structures per epoch, by the shares of the entries; null: as many as there are"
    )
    validation_batch_size: Count | None = Field(
        default=None, description="structures at once; null: as many as in training"
    )
    epochs: Count = Field(default=100, description="passes over the training structures")
    max_minutes: Positive | None = Field(default=None, description="stop after this time, whatever the epoch")
    patience: Count | None = Field(default=None, description="stop after so many epochs without improvement")
    checkpoint_minutes: Positive = Field(
        default=10.0, description="save `last.ckpt` inside an epoch when the last time was so long ago"
    )
    tensorboard: bool = Field(default=True, description="write the log for TensorBoard too")
    metadata: Metadata = Field(default=Metadata(), description="licence, authors, citation")

    @model_validator(mode="before")
    @classmethod
    def _fine_tuning(cls, value: Any) -> Any:
        return with_defaults(value) if isinstance(value, dict) and value.get("finetune") is not None else value

    @field_validator("data")
    @classmethod
    def _known_elements(cls, data: DataConfig) -> DataConfig:
        for task, entry in data.tasks.items():
            wrong = [symbol for symbol in entry.e0 if symbol not in atomic_numbers]
            if wrong:
                raise ValueError(f"tasks.{task}.e0: {wrong[0]!r} is not a chemical symbol")
        return data

    @model_validator(mode="after")
    def _model_or_init(self) -> TrainConfig:
        if self.init is not None and self.model:
            raise ValueError("contradictory: with init the model is that of the checkpoint; remove `model` or `init`")
        if self.init is None and self.finetune is not None:
            raise ValueError("finetune needs `init`: the checkpoint to start from")
        if self.init is None and not isinstance(self.model.get("architecture"), str):
            raise ValueError("model needs `architecture`, for example `architecture: mace`")
        return self

    @model_validator(mode="after")
    def _one_size_of_batches(self) -> TrainConfig:
        if self.batch_edges is not None and "batch_size" in self.model_fields_set:
            raise ValueError("contradictory: give either batch_size or batch_edges, not both")
        return self

    def architecture(self) -> tuple[str, dict[str, Any]]:
        """Name of the architecture and the options that the user gave."""
        options = {name: value for name, value in self.model.items() if name != "architecture"}
        return str(self.model["architecture"]), options

    def sha256(self) -> str:
        """Of everything but the output folder."""
        content = self.model_dump(mode="json", exclude={"output"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
