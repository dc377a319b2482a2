# SPDX-License-Identifier: MIT
"""What a run shows while it goes on: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

LINE_EVERY = 10.0  # seconds between lines where there is no terminal


class RemainingColumn(ProgressColumn):
    """Time left, from the progress of the whole run (which may end by the clock)."""

    def render(self, task: Task) -> Text:
        elapsed, share = task.elapsed, task.percentage / 100
        if not elapsed or share < 1e-3:
            return Text("left -:--")
        left = max(0, round(elapsed * (1 - share) / share))
        return Text(f"left {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}")


class Reporter:
    """Shows progress; use as a context manager around the run."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.last_line = -math.inf
        self.text = ""  # errors of the last validation
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:3.0f}%"),
            TimeElapsedColumn(),
            RemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True)),
            console=console,
            disable=not console.is_terminal,
            transient=False,
        )
        self.task = self.bar.add_task("train", total=1.0, epoch="0", numbers="")

    def __enter__(self) -> Reporter:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, epoch: float, epochs: int, progress: float, loss: float) -> None:
        """After each optimiser step."""
        if not self.bar.disable:
            numbers = f"loss {loss:.3g}{self.text}"
            self.bar.update(self.task, completed=progress, epoch=f"{epoch:.1f}/{epochs}", numbers=numbers)

    def epoch(self, row: dict[str, Any], epochs: int, progress: float, best: bool) -> None:
        """After each validation."""
        self.text = _short_line(row)
        if not self.bar.disable:
            self.bar.update(self.task, completed=progress, epoch=f"{row['epoch']:.1f}/{epochs}")
        elif time.monotonic() - self.last_line > LINE_EVERY:
            self.last_line = time.monotonic()
            seconds = row["seconds"]
            left = f", {seconds * (1 - progress) / progress:.0f} s left" if 0 < progress < 1 else ""
            self.console.print(
                f"epoch {row['epoch']:g}/{epochs} ({seconds:.0f} s{left}): {summary_line(row)}{' *' if best else ''}"
            )


class ScanBar:
    """A bar for the first pass over a data store; nothing where there is no terminal or no store."""

    def __init__(self, console: Console) -> None:
        self.bar = Progress(
            TextColumn("neighbours of {task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.tasks: dict[Path, Any] = {}

    def __enter__(self) -> ScanBar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, store: Path, done: int, total: int) -> None:
        """So many structures of a store were looked at."""
        if store not in self.tasks:
            self.tasks[store] = self.bar.add_task(store.name, total=total)
        self.bar.update(self.tasks[store], completed=done)


def summary_line(row: dict[str, Any]) -> str:
    """Validation errors and learning rate of one epoch in a few words."""
    parts = [f"validation loss {row['validation_loss']:.3g}"]
    for name, label, unit in (("energy", "E", "meV/atom"), ("forces", "F", "meV/A"), ("stress", "S", "meV/A^3")):
        if f"{name}_mae" in row:
            parts.append(f"{label} MAE {1e3 * row[f'{name}_mae']:.2f} {unit}")
    return ", ".join([*parts, f"lr {row['learning_rate']:.2g}"])


def _short_line(row: dict[str, Any]) -> str:
    """The same for the bar, in few characters: mean absolute errors in meV per atom and meV per angstrom."""
    parts = [f" | validation {row['validation_loss']:.3g}"]
    parts += [
        f"{name[0].upper()} {1e3 * row[f'{name}_mae']:.1f}" for name in ("energy", "forces") if f"{name}_mae" in row
    ]
    return " ".join([*parts, f"lr {row['learning_rate']:.1g}"])
