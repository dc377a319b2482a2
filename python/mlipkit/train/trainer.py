# SPDX-License-Identifier: MIT
"""The training loop. Everything that a later process needs to go on is in ``Trainer.state_dict``."""

from __future__ import annotations

import csv
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mlipkit.checkpoint import Checkpoint
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import collate
from mlipkit.data.sampler import BatchSampler
from mlipkit.nn.evaluate import evaluate
from mlipkit.train.config import TrainConfig
from mlipkit.train.loss import Loss, Sums
from mlipkit.train.optimization import AveragedWeights, Schedule, make_optimizer
from mlipkit.train.prediction import batches, gather, predict
from mlipkit.train.progress import Reporter
from mlipkit.train.results import errors
from mlipkit.train.setup import Prepared


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what is left on disk."""


@dataclass
class Progress:
    """Where a run stands. Plain numbers, saved in every checkpoint."""

    step: int = 0  # optimiser steps done
    seconds: float = 0.0  # of training, over all processes that shared the run
    best_loss: float = math.inf
    best_epoch: float = 0.0
    finished: str = ""  # why the run ended
    history: list[dict[str, float]] = field(default_factory=list)  # one row per epoch


class LossModule(nn.Module):
    """Model and loss in one ``forward``, as distributed training needs it."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: GraphBatch) -> dict[str, tuple[Tensor, Tensor]]:
        sums = self.loss.sums(evaluate(self.model, batch, training=True), batch)
        return {name: (value.total, value.count) for name, value in sums.items()}


class Trainer:
    """Trains one model on one dataset.

    Args:
        config: of the run.
        prepared: data and model.
        provenance: goes into every checkpoint.
        folder: where checkpoints and the log are written.
        fabric: devices and processes.
    """

    def __init__(
        self, config: TrainConfig, prepared: Prepared, provenance: dict[str, Any], folder: Path, fabric: Fabric
    ) -> None:
        self.config, self.prepared, self.provenance = config, prepared, provenance
        self.folder, self.fabric = folder, fabric
        self.model = prepared.model
        self.loss = Loss(config.loss)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        self.schedule = Schedule(config.schedule, config.optimizer.lr)
        train = prepared.dataset.train
        self.graphs = train.graphs
        self.sampler = BatchSampler(len(train), config.batch_size, config.seed)
        size = config.validation_batch_size or config.batch_size
        self.validation = [batch.to(fabric.device) for batch in batches(prepared.dataset.validation.graphs, size)]
        self.progress = Progress()
        self.module, self.stepper = fabric.setup(LossModule(self.model, self.loss), self.optimizer)
        self.average = AveragedWeights(self.model, config.ema)  # where the parameters are now

    def fit(self, reporter: Reporter) -> None:
        """Trains until the last epoch, the time limit or the patience is reached.

        Raises:
            TrainingError: the loss or its gradient is not finite; checkpoints on disk stay as they were.
        """
        progress, config = self.progress, self.config
        progress.finished = self._reason_to_stop()
        clock = time.perf_counter() - progress.seconds
        while not progress.finished:
            sums, rate = self._train_epoch(clock, reporter)
            progress.seconds = time.perf_counter() - clock
            row = self._validate(sums, rate)
            progress.seconds = row["seconds"] = time.perf_counter() - clock
            best = row["validation_loss"] < progress.best_loss
            if best:
                progress.best_loss, progress.best_epoch = row["validation_loss"], row["epoch"]
            self.schedule.after_epoch(row["validation_loss"])
            progress.history.append(row)
            progress.finished = self._reason_to_stop()
            self._save(best)
            reporter.epoch(row, config.epochs, self._share(clock), best)

    def _train_epoch(self, clock: float, reporter: Reporter) -> tuple[dict[str, Sums], float]:
        """One pass over the training structures, or what is left of it; returns summed errors and the last rate."""
        epoch_sums: dict[str, Sums] = {}
        rate = 0.0
        self.module.train()
        while True:
            indices = self.sampler.next()
            share = self._share(clock)
            rate = self.schedule.rate(self.progress.step, share)
            batch = collate([self.graphs[index] for index in indices]).to(self.fabric.device)
            sums, loss = self._step(batch, rate)
            for name, value in sums.items():
                epoch_sums[name] = epoch_sums[name] + value if name in epoch_sums else value
            reporter.step(self.sampler.epochs_done, self.config.epochs, share, loss)
            if self.sampler.next_batch == 0 or self._out_of_time(clock):
                return epoch_sums, rate

    def _step(self, batch: GraphBatch, rate: float) -> tuple[dict[str, Sums], float]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        output = self.module(batch)
        sums = {name: Sums(total, count) for name, (total, count) in output.items()}
        loss = self.loss.total(sums)
        self.fabric.backward(loss)
        value = float(loss.detach())
        norm = 0.0
        if self.config.gradient_clip is not None:
            limit = self.config.gradient_clip
            found = self.fabric.clip_gradients(self.module, self.stepper, max_norm=limit, error_if_nonfinite=False)
            norm = 0.0 if found is None else float(found)
        if not math.isfinite(value + norm):
            raise TrainingError(self._explain_nan(value))
        self.stepper.step()
        self.stepper.zero_grad()
        self.average.update()
        self.progress.step += 1
        return {name: Sums(s.total.detach(), s.count) for name, s in sums.items()}, value

    def _validate(self, train_sums: dict[str, Sums], rate: float) -> dict[str, float]:
        """A row for the log, from the averaged weights."""
        self.module.eval()
        with self.average.applied():
            predicted = list(predict(self.model, self.validation))
        sums: dict[str, Sums] = {}
        for batch, prediction in predicted:
            for name, value in self.loss.sums(prediction, batch).items():
                sums[name] = sums[name] + value if name in sums else value
        results = gather(self.prepared.dataset.validation.structures, predicted)
        row = {
            "epoch": self.sampler.epochs_done,
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "learning_rate": rate,
            "train_loss": float(self.loss.total(train_sums)),
            "validation_loss": float(self.loss.total(sums)),
        }
        if not math.isfinite(row["validation_loss"]):
            raise TrainingError(self._explain_nan(row["validation_loss"]))
        for name, numbers in errors(results, groups=False).items():
            short = name.removesuffix("_per_atom")
            row[f"{short}_mae"], row[f"{short}_rmse"] = numbers["mae"], numbers["rmse"]
        return row

    def _share(self, clock: float) -> float:
        """How much of the run is done, 0 to 1: by steps, or by time where that ends it earlier."""
        share = self.progress.step / (self.config.epochs * len(self.sampler))
        if self.config.max_minutes is not None:
            share = max(share, (time.perf_counter() - clock) / (60.0 * self.config.max_minutes))
        return min(share, 1.0)

    def _out_of_time(self, clock: float) -> bool:
        return self.config.max_minutes is not None and time.perf_counter() - clock > 60.0 * self.config.max_minutes

    def _reason_to_stop(self) -> str:
        progress, config = self.progress, self.config
        if self.sampler.epoch >= config.epochs:
            return f"all {config.epochs} epochs done"
        if config.max_minutes is not None and progress.seconds > 60.0 * config.max_minutes:
            return f"time limit of {config.max_minutes:g} minutes reached"
        if config.patience is not None and self.sampler.epochs_done - progress.best_epoch >= config.patience:
            return f"no improvement for {config.patience} epochs"
        return ""

    def _explain_nan(self, value: float) -> str:
        history = self.progress.history
        kept = f"last.ckpt holds epoch {history[-1]['epoch']:g}" if history else "nothing was saved yet"
        return (
            f"the loss or its gradient is not finite (loss {value}) in epoch {self.sampler.epochs_done:g}, step "
            f"{self.progress.step + 1}; {kept}. Lower optimizer.lr or gradient_clip, raise schedule.warmup_steps, "
            "or look for wrong labels in the data"
        )

    def checkpoint(self, training: dict[str, Any]) -> Checkpoint:
        """What a model is, with the weights to evaluate with."""
        metadata = self.config.metadata.model_dump(mode="json")
        return Checkpoint(
            architecture=self.prepared.architecture,
            config=self.prepared.model_config,
            parameters={name: value.clone() for name, value in self.average.parameters().items()},
            tasks=self.prepared.dataset.tasks,
            dtype=self.config.dtype,
            provenance=self.provenance,
            metadata=metadata,
            training=training,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything beside the model's description that a run needs to go on."""
        return {
            "progress": asdict(self.progress),
            "weights": {name: value.detach().clone() for name, value in self.model.named_parameters()},
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "schedule": self.schedule.state_dict(),
            "sampler": self.sampler.state_dict(),
            "config": self.config.model_dump(mode="json"),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where :meth:`state_dict` was taken."""
        self.progress = Progress(**state["progress"])
        for name, parameter in self.model.named_parameters():
            parameter.copy_(state["weights"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.schedule.load_state_dict(state["schedule"])
        self.sampler.load_state_dict(state["sampler"])

    def _save(self, best: bool) -> None:
        if not self.fabric.is_global_zero:
            return
        if best:
            row = self.progress.history[-1]
            self.checkpoint({"best": dict(row)}).save(self.folder / "best.ckpt")
        self.checkpoint(self.state_dict()).save(self.folder / "last.ckpt")
        write_log(self.progress.history, self.folder / "log.csv")


def write_log(history: list[dict[str, float]], path: Path) -> None:
    """All epochs as CSV; errors in eV, angstrom."""
    with open(path, "w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
