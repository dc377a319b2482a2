# SPDX-License-Identifier: MIT
"""What a run writes while it goes on: checkpoints, CSV log, TensorBoard. A failed write leaves earlier files whole."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlipkit.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Row = dict[str, float]


class WriteError(OSError):
    """A file of the run could not be written; the message says which, why, and what is safe."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failure inside the block into a :class:`WriteError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteError(
            f"cannot write {path} ({reason}). What the run had saved before is intact: make room or make "
            "the folder writable, then continue with --resume"
        ) from error


def write_whole(path: Path, text: str) -> None:
    """Writes a text file so that an interruption leaves either the old or the new one."""
    temporary = path.with_name(path.name + ".part")
    with writing(path):
        try:
            temporary.write_text(text)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class Records:
    """Writes into the folder of a run.

    Args:
        folder: of the run.
        tensorboard: also write event files for TensorBoard.
        step: optimiser steps done; TensorBoard drops what an earlier process wrote after them.
    """

    def __init__(self, folder: Path, tensorboard: bool, step: int) -> None:
        self.folder = folder
        self._events: SummaryWriter | None = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # takes more than a second

            with writing(folder / "tensorboard"):
                self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def save(self, checkpoint: Checkpoint, name: str) -> None:
        """Writes a checkpoint; the one that was there stays until the new one is complete."""
        with writing(self.folder / name):
            checkpoint.save(self.folder / name)

    def epoch(self, history: list[Row]) -> None:
        """Writes ``log.csv`` and the last row for TensorBoard."""
        write_whole(self.folder / "log.csv", as_csv(history))
        if self._events is not None:
            with writing(self.folder / "tensorboard"):
                for name, value in history[-1].items():
                    if name != "step":
                        self._events.add_scalar(tag(name), value, int(history[-1]["step"]))
                self._events.flush()

    def close(self) -> None:
        if self._events is not None:
            with writing(self.folder / "tensorboard"):
                self._events.close()
            self._events = None


def as_csv(history: list[Row]) -> str:
    """All epochs; errors in eV, angstrom."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    return stream.getvalue()


def tag(column: str) -> str:
    """Name of a column of the log in TensorBoard: losses and errors in groups of their own."""
    for ending in ("loss", "mae", "rmse"):
        if column.endswith(f"_{ending}"):
            return f"{ending}/{column.removesuffix(f'_{ending}')}"
    return f"run/{column}"
