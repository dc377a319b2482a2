# SPDX-License-Identifier: MIT
"""``mlip-eval``: errors of a checkpoint or artifact on data files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from mlipkit.cli.common import DebugOption, console, one_command, pairs, wait_politely, writable_folder


def evaluate(
    model: Annotated[Path, typer.Argument(help="Checkpoint or artifact.", show_default=False)],
    data: Annotated[
        list[str],
        typer.Argument(help="Labelled structures: files or patterns such as 'runs/**/*.extxyz'.", show_default=False),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for parity plots and summary.json.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="NAME=KEY", help="Key of a label, such as forces=REF_forces.")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", metavar="NAME=UNIT", help="Unit of energy, length, forces or stress.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task, for models with several.")] = None,
    frames: Annotated[str, typer.Option(help="Frames to take, as a slice.")] = ":",
    precision: Annotated[str | None, typer.Option(help="single, mixed or double; by default the model's own.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    batch_size: Annotated[int, typer.Option(min=1, help="Structures at once (checkpoints only).")] = 8,
    debug: DebugOption = False,
) -> None:
    """Print errors per quantity, element and config_type; with -o also save parity plots and summary.json.

    All files count together: the tables have one row per config_type and a total.
    """
    wait_politely()
    import time

    from mlipkit.data.files import checksum, find_files
    from mlipkit.data.reading import sha256
    from mlipkit.train import evaluation
    from mlipkit.train.config_types import config_type_errors, config_type_table
    from mlipkit.train.results import errors
    from mlipkit.train.tables import error_table

    folder = writable_folder(output) if output is not None else None
    options = evaluation.Options(
        keys=pairs(key or [], "--key"),
        units=pairs(unit or [], "--unit"),
        frames=frames,
        task=task,
        precision=precision,
        device=device,
        batch_size=batch_size,
    )
    predictor = evaluation.open_predictor(model, options)
    files = find_files(data)
    structures = evaluation.read_labelled(files, predictor, options)
    start = time.perf_counter()
    results = predictor.predict(structures)
    seconds = time.perf_counter() - start
    table = errors(results)
    screen = console()
    named = str(files[0]) if len(files) == 1 else f"{len(files)} files"
    by_type = config_type_errors(results)
    short = {name: {k: v for k, v in entry.items() if k != "per_config_type"} for name, entry in table.items()}
    screen.print(error_table(short, f"{model} ({predictor.kind}) on {named}: {len(structures)} structures"))
    screen.print(config_type_table(by_type, table))
    for line in evaluation.missing_labels(structures, results):
        screen.print(line)
    if folder is not None:
        from mlipkit.train.plots import all_plots

        plots = all_plots(results, table, folder, files[0].name.split(".")[0] if len(files) == 1 else "all")
        counts = Counter(structure.file for structure in structures)
        summary = {
            **table,
            "config_types": by_type,
            "model": {"path": str(model), "kind": predictor.kind, "sha256": sha256(model)},
            "data": [{"path": str(path), "sha256": checksum(path), "structures": counts[str(path)]} for path in files],
            "structures": len(structures),
            "seconds": seconds,
        }
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        screen.print(f"wrote {', '.join([*plots, 'summary.json'])} in {folder}")


def main() -> None:
    one_command("mlip-eval", evaluate)()
