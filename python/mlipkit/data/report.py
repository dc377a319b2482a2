# SPDX-License-Identifier: MIT
"""What a run says about its data before it starts: a table of files, aligned tasks, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def store_lines(path: Path, header: Mapping[str, Any]) -> Iterator[str]:
    """What a data store holds, in a few lines."""
    numbers = header["statistics"]
    n = header["structures"]
    for source in header["sources"]:
        yield f"{source['path']}: {source['structures']:,} of {source['read']:,} structures"
    yield (
        f"{path}: {n:,} structures, {header['atoms']:,} atoms ({', '.join(header['species'])}), the largest with "
        f"{numbers['largest_structure']:,}; energies in {numbers['energies']:,}, forces in {numbers['forces']:,}, "
        f"stresses in {numbers['stresses']:,}"
        + "".join(f"; output {name!r} with {width} per atom" for name, width in header["outputs"].items())
    )
    if numbers["energy_per_atom"] is not None:
        low, high = numbers["energy_per_atom"]
        yield f"energies from {low:.4f} to {high:.4f} eV/atom"
    if numbers["forces_rms"] is not None:
        yield f"RMS force {numbers['forces_rms']:.3f} eV/angstrom, largest {numbers['largest_force']:.3f}"
    if header["provenance"]["removed"]:
        yield "left out: " + ", ".join(f"{name} {count:,}" for name, count in header["provenance"]["removed"].items())
