# SPDX-License-Identifier: MIT
"""What a run says about its data before it starts: a table of files, aligned tasks, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mlipkit.data.dataset import Dataset

MOST_ROWS = 30  # a pattern can match thousands of files
MOST_NOTES = 10


def data_report(dataset: Dataset) -> Iterator[RenderableType]:
    """A row per file (path, use, frames, task, weight), then a line per aligned task and for all that was left out."""
    table = Table(title="data files", title_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("for")
    table.add_column("frames", justify="right")
    table.add_column("task")
    table.add_column("weight", justify="right")
    shown, rest = dataset.uses[:MOST_ROWS], dataset.uses[MOST_ROWS:]
    for use in shown:
        table.add_row(use.path, use.use, str(use.frames), ", ".join(use.tasks), f"{use.weight:g}")
    if rest:
        table.add_row(f"and {len(rest)} more files", "", str(sum(use.frames for use in rest)), "", "")
    yield table
    yield from (f"task {task}: {alignment}" for task, alignment in dataset.alignments.items())
    yield from dataset.notes[:MOST_NOTES]
    if len(dataset.notes) > MOST_NOTES:
        yield f"and {len(dataset.notes) - MOST_NOTES} more; all are in summary.json"
