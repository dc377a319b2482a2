# SPDX-License-Identifier: MIT
"""The training loop. Everything that a later process needs to go on is in ``Trainer.state_dict``."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from mlipkit.checkpoint import Checkpoint
from mlipkit.data.graph import GraphBatch
from mlipkit.train.batches import TrainingBatches, collated, held_out, threads
from mlipkit.train.config import TrainConfig
from mlipkit.train.finetuning.adapters import plain_parameters
from mlipkit.train.interruption import Interrupted, Interruption
from mlipkit.train.loss import Loss, Sums
from mlipkit.train.loss_module import LossModule, freeze_unreached
from mlipkit.train.optimization import AveragedWeights, Schedule, make_optimizer
from mlipkit.train.prediction import gather, predict
from mlipkit.train.processes import Processes
from mlipkit.train.progress import Reporter
from mlipkit.train.records import Records, WriteError
from mlipkit.train.results import errors
from mlipkit.train.setup import Prepared


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what is left on disk."""


@dataclass
class Progress:
    """Where a run stands. Plain numbers, saved in every checkpoint."""

    step: int = 0  # optimiser steps done
    seconds: float = 0.0  # of training, over all runs that were resumed into this one
    best_loss: float = math.inf
    best_epoch: float = 0.0
    finished: str = ""  # why the run ended
    history: list[dict[str, float]] = field(default_factory=list)  # one row per epoch


class Trainer:
    """Trains one model on one dataset.

    Args:
        config: of the run.
        prepared: data and model.
        provenance: goes into every checkpoint.
        folder: where checkpoints and the log are written.
        processes: that share the run.
    """

    def __init__(
        self, config: TrainConfig, prepared: Prepared, provenance: dict[str, Any], folder: Path, processes: Processes
    ) -> None:
        self.config, self.prepared, self.provenance = config, prepared, provenance
        self.folder, self.processes = folder, processes
        self.model = prepared.model
        self.loss = Loss(config.loss)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        self.schedule = Schedule(config.schedule, config.optimizer.lr)
        self.batches = TrainingBatches(config, prepared.dataset.train, processes, prepared.replayed)
        self.sampler = self.batches.sampler
        self.turns = processes.my_turns(held_out(config, prepared.dataset.validation))
        self.validation: list[GraphBatch] = []  # where it is in memory, on the device
        if prepared.dataset.validation.in_memory:
            self.validation = list(self._validation_batches())
        self.progress = Progress()
        self.epoch_sums: dict[str, Sums] = {}  # errors since the last validation, of all processes
        module = LossModule(self.model, self.loss)
        if processes.world > 1:
            freeze_unreached(module, prepared.dataset.train.graphs[0].to(processes.device))
        self.module, self.stepper = processes.fabric.setup(module, self.optimizer)
        self.average = AveragedWeights(self.model, config.ema)  # where the parameters are now
        self.records: Records | None = None  # of the first process

    def fit(self, reporter: Reporter) -> None:
        """Trains until the last epoch, the time limit or the patience is reached.

        Raises:
            TrainingError: the loss or its gradient is not finite; checkpoints on disk stay as they were.
            WriteError: disk full or the like; checkpoints on disk stay as they were.
            Interrupted: SIGTERM or Ctrl-C; ``last.ckpt`` holds the last step.
        """
        progress = self.progress
        progress.finished = self._reason_to_stop()
        self._clock = time.perf_counter() - progress.seconds
        self._saved_at = progress.seconds
        if self.processes.rank == 0:
            self.records = Records(self.folder, self.config.tensorboard, progress.step)
        with Interruption(patient=self.processes.world > 1) as interruption:
            while not progress.finished:
                self._train_epoch(reporter, interruption)
                self._end_epoch(reporter)
        if self.records is not None:
            self.records.close()

    def _train_epoch(self, reporter: Reporter, interruption: Interruption) -> None:
        """One pass over the training structures, or what is left of it."""
        self.module.train()
        # An epoch whose steps are all done, but which was not yet validated, has errors in its sums.
        while not (self.epoch_sums and (self.sampler.next_batch == 0 or self._out_of_time())):
            share = self._share()
            loss, stop = self._step(*self.batches.next(), share, interruption.signum)
            reporter.step(self.sampler.epochs_done, self.config.epochs, share, loss)
            if stop:
                self._save(best=False)
                raise Interrupted(self._explain_stop(), interruption.signum or signal.SIGTERM)
            if self.progress.seconds - self._saved_at > 60.0 * self.config.checkpoint_minutes:
                self._save(best=False)

    def _step(self, mine: bool, batch: GraphBatch, share: float, signum: int) -> tuple[float, bool]:
        """One optimiser step; gives the loss, and whether any process was asked to stop."""
        weights = self.loss.weights(share)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.progress.step, share)
        factor = 1.0 if mine else 0.0
        output = self.module(batch.to(self.processes.device))
        sums = {name: Sums(total * factor, count * factor) for name, (total, count) in output.items()}
        seconds = time.perf_counter() - self._clock if self.processes.rank == 0 else 0.0
        whole, (elapsed, signals) = self.processes.add_up(sums, [seconds, float(signum)])
        value = float(self.loss.total(whole, weights))
        self.processes.fabric.backward(self.processes.scaled(self.loss.total(sums, weights, whole)))
        norm = self._clip()
        if not math.isfinite(value + norm):
            raise TrainingError(self._explain_nan(value))
        self.stepper.step()
        self.stepper.zero_grad()
        self.average.update()
        self.progress.step += 1
        self.progress.seconds = elapsed
        self.epoch_sums = {n: self.epoch_sums[n] + s if n in self.epoch_sums else s for n, s in whole.items()}
        return value, signals > 0

    def _clip(self) -> float:
        """Norm of the gradient, which is then no longer than the limit; 0 where there is no limit."""
        if self.config.gradient_clip is None:
            return 0.0
        norm = self.processes.fabric.clip_gradients(
            self.module, self.stepper, max_norm=self.config.gradient_clip, error_if_nonfinite=False
        )
        return 0.0 if norm is None else float(norm)

    def _end_epoch(self, reporter: Reporter) -> None:
        progress = self.progress
        row = self._validate()
        best = row["validation_loss"] < progress.best_loss
        if best:
            progress.best_loss, progress.best_epoch = row["validation_loss"], row["epoch"]
        self.schedule.after_epoch(row["validation_loss"])
        progress.history.append(row)
        self.epoch_sums = {}
        progress.finished = self._reason_to_stop()
        self._save(best)
        reporter.epoch(row, self.config.epochs, self._share(), best)

    def _validate(self) -> dict[str, float]:
        """A row for the log, from the averaged weights and the final weights of the loss."""
        self.module.eval()
        with self.average.applied():
            mine = [
                (batch.without_edges().to("cpu"), prediction.to("cpu"))
                for batch, prediction in predict(self.model, self.validation or self._validation_batches())
            ]
        predicted = self.processes.gather_turns(mine)
        self.progress.seconds = self._agreed_seconds()
        sums: dict[str, Sums] = {}
        for batch, prediction in predicted:
            for name, value in self.loss.sums(prediction, batch).items():
                sums[name] = sums[name] + value if name in sums else value
        results = gather(self.prepared.dataset.validation.structures, predicted)
        row = {
            "epoch": self.sampler.epochs_done,
            "step": self.progress.step,
            "seconds": self.progress.seconds,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train_loss": float(self.loss.total(self.epoch_sums, self.loss.final)),
            "validation_loss": float(self.loss.total(sums, self.loss.final)),
        }
        if not math.isfinite(row["validation_loss"]):
            raise TrainingError(self._explain_nan(row["validation_loss"]))
        for name, numbers in errors(results, groups=False).items():
            short = name.removesuffix("_per_atom")
            row[f"{short}_mae"], row[f"{short}_rmse"] = numbers["mae"], numbers["rmse"]
        return row

    def _validation_batches(self) -> Iterator[GraphBatch]:
        subset = self.prepared.dataset.validation
        found = collated(subset, self.turns, threads(self.config, subset))
        return (batch.to(self.processes.device) for batch in found)

    def _agreed_seconds(self) -> float:
        """Time since the start, as the first process sees it."""
        seconds = time.perf_counter() - self._clock if self.processes.rank == 0 else 0.0
        return self.processes.add_up({}, [seconds])[1][0]

    def _share(self) -> float:
        """How much of the run is done, 0 to 1: by steps, or by time where that ends it earlier."""
        share = self.sampler.share(self.config.epochs)
        if self.config.max_minutes is not None:
            share = max(share, self.progress.seconds / (60.0 * self.config.max_minutes))
        return min(share, 1.0)

    def _out_of_time(self) -> bool:
        return self.config.max_minutes is not None and self.progress.seconds > 60.0 * self.config.max_minutes

    def _reason_to_stop(self) -> str:
        progress, config = self.progress, self.config
        if self.epoch_sums:
            return ""  # in the middle of an epoch, or before its validation
        if self.sampler.epoch >= config.epochs:
            return f"all {config.epochs} epochs done"
        if self._out_of_time():
            return f"time limit of {config.max_minutes:g} minutes reached"
        if config.patience is not None and self.sampler.epochs_done - progress.best_epoch >= config.patience:
            return f"no improvement for {config.patience} epochs"
        return ""

    def _explain_nan(self, value: float) -> str:
        kept = (
            f"best.ckpt holds epoch {self.progress.best_epoch:g}" if self.progress.history else "nothing was saved yet"
        )
        return (
            f"the loss or its gradient is not finite (loss {value}) in epoch {self.sampler.epochs_done:g}, step "
            f"{self.progress.step + 1}; {kept}. Lower optimizer.lr or gradient_clip, raise schedule.warmup_steps, "
            "or look for wrong labels in the data"
        )

    def _explain_stop(self) -> str:
        return (
            f"stopped by a signal after epoch {self.sampler.epochs_done:g}, step {self.progress.step}; "
            f"{self.folder / 'last.ckpt'} holds this state, continue with --resume"
        )

    def checkpoint(self, training: dict[str, Any]) -> Checkpoint:
        """What a model is, with the weights to evaluate with."""
        own = self.config.metadata.model_dump(mode="json")
        metadata = {**own, **{key: value for key, value in self.prepared.metadata.items() if not own.get(key)}}
        with self.average.applied():
            parameters = {name: value.clone() for name, value in plain_parameters(self.model).items()}
        return Checkpoint(
            architecture=self.prepared.architecture,
            config=self.prepared.model_config,
            parameters=parameters,
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
            "epoch_sums": {name: (sums.total, sums.count) for name, sums in self.epoch_sums.items()},
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
        self.batches.restart()
        self.epoch_sums = {
            name: Sums(total.to(self.processes.device), count.to(self.processes.device))
            for name, (total, count) in state["epoch_sums"].items()
        }

    def _save(self, best: bool) -> None:
        """Writes what is due; a failure on the first process stops all of them."""
        failure = ""
        if self.records is not None:
            try:
                if best:
                    self.records.save(self.checkpoint({"best": dict(self.progress.history[-1])}), "best.ckpt")
                self.records.save(self.checkpoint(self.state_dict()), "last.ckpt")
                if not self.epoch_sums:
                    self.records.epoch(self.progress.history)
            except WriteError as error:
                failure = str(error)
        failure = self.processes.first_says(failure)
        if failure:
            raise WriteError(failure)
        self._saved_at = self.progress.seconds
