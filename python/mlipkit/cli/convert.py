# SPDX-License-Identifier: MIT
"""``mlip-convert``: data files to a store for training sets that do not fit into memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlipkit.cli.common import DebugOption, console, one_command, pairs, wait_politely

if TYPE_CHECKING:
    from mlipkit.data.config import DataConfig
    from mlipkit.data.wanted import Wanted


def convert(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files or patterns: whatever ASE reads, ASE databases, HDF5 in the layout of SPICE, stores.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The store to write; its name ends in .mlipdata.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="NAME=KEY", help="Key of a label, which must then occur in every frame."),
    ] = None,
    output_key: Annotated[
        list[str] | None,
        typer.Option("--output-key", metavar="NAME=KEY", help="Key of a named per-atom output, such as charges."),
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", metavar="NAME=UNIT", help="Unit of energy, length, forces or stress.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Task of all labels; several with --key task=KEY: those that may occur.")
    ] = None,
    frames: Annotated[str, typer.Option(help="Frames to take of each file, as a slice.")] = ":",
    format: Annotated[str | None, typer.Option(help="Format name of ASE, instead of the file name.")] = None,
    stress_sign: Annotated[str, typer.Option(help="What a positive stress means: tension or pressure.")] = "tension",
    incomplete: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Named label that some frames may lack.")
    ] = None,
    max_force: Annotated[
        float | None, typer.Option(help="Leave out structures with a longer force, eV/angstrom.")
    ] = None,
    energy_window: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Leave out energies without E0 outside, eV/atom; needs --e0."),
    ] = None,
    e0: Annotated[
        list[str] | None, typer.Option("--e0", metavar="ELEMENT=ENERGY", help="Reference energy, eV.")
    ] = None,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Leave out structures that came before.")
    ] = False,
    min_distance: Annotated[
        float, typer.Option(help="Atoms closer than this (angstrom) are on top of each other.")
    ] = 0.3,
    drop_too_close: Annotated[
        bool, typer.Option("--drop-too-close", help="Leave out structures with such atoms instead of refusing.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the store that is there.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify the checksums of stores instead.")] = False,
    debug: DebugOption = False,
) -> None:
    """Write labelled structures into one folder of flat arrays, which mlip-train takes like a file.

    Structures are read and written one by one, so neither files nor store need to fit into memory.
    """
    wait_politely()
    from mlipkit.data.files import find_files
    from mlipkit.data.store import is_store

    files = find_files(sources)
    if check:
        for path in files:
            _check(path)
        return
    if output is None:
        raise ValueError("name the store to write: -o NAME.mlipdata")
    if output.exists() and not overwrite:
        raise ValueError(f"{output} exists already; use --overwrite or another name")
    if output.exists() and (not is_store(output) or output.resolve() in {path.resolve() for path in files}):
        raise ValueError(f"{output} is one of the sources, or no store: it is not overwritten")
    options = {
        "entry": {
            "path": "*", "frames": frames, "format": format, "stress_sign": stress_sign, "incomplete": incomplete or [],
        },
        "keys": pairs(key or [], "--key"),
        "outputs": pairs(output_key or [], "--output-key"),
        "units": pairs(unit or [], "--unit"),
        "tasks": task or [],
        "e0": {name: _number(name, text) for name, text in pairs(e0 or [], "--e0").items()},
        "data": {
            "filters": {
                "max_force": max_force, "energy_window": energy_window,
                "duplicates": "drop" if drop_duplicates else "keep",
            },
            "min_distance": min_distance,
            "too_close": "drop" if drop_too_close else "refuse",
        },
    }  # fmt: skip
    data, wanted = _configuration(options)
    _write(files, output, data, wanted)


def _write(files: list[Path], output: Path, data: DataConfig, wanted: Wanted) -> None:
    """Converts, then takes the place of an older store."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from mlipkit.data.convert import convert
    from mlipkit.data.report import MOST_NOTES, store_lines

    screen, errors = console(), console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} structures, {task.fields[file]}"), TimeElapsedColumn())
    fresh = output.with_name(f"{output.stem}.new{output.suffix}") if output.exists() else output
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        shown = bar.add_task("convert", total=None, file="")
        done = convert(files, fresh, data, wanted, lambda n, path: bar.update(shown, completed=n, file=path.name))
    if fresh != output:
        shutil.rmtree(output)
        fresh.rename(output)
    for line in done.notes[:MOST_NOTES]:
        screen.print(line, markup=False)
    if len(done.notes) > MOST_NOTES:
        screen.print(f"and {len(done.notes) - MOST_NOTES} more")
    for line in store_lines(output, done.header):
        screen.print(line, markup=False)


def _check(path: Path) -> None:
    from mlipkit.data.convert import check
    from mlipkit.data.report import store_lines
    from mlipkit.data.store import is_store

    if not is_store(path):
        raise ValueError(f"{path} is no store; --check verifies what mlip-convert wrote")
    screen = console()
    for line in store_lines(path, check(path)):
        screen.print(line, markup=False)
    screen.print(f"{path}: all checksums are right", markup=False)


def _configuration(options: dict[str, Any]) -> tuple[DataConfig, Wanted]:
    """Section ``data`` that means what the options say, and the labels that were named."""
    from ase.data import atomic_numbers
    from pydantic import ValidationError

    from mlipkit.data.config import DEFAULT_TASK, DataConfig
    from mlipkit.data.errors import nearest
    from mlipkit.data.keys import Keys, UnitNames
    from mlipkit.data.store import CONDITIONS
    from mlipkit.data.wanted import Wanted
    from mlipkit.train.config_file import explain

    known = {
        "key": [name for name in Keys.model_fields if name != "outputs"],
        "unit": list(UnitNames.model_fields),
        "e0": list(atomic_numbers),
    }
    for option, given in (("key", options["keys"]), ("unit", options["units"]), ("e0", options["e0"])):
        for name in given:
            if name not in known[option]:
                raise ValueError(f"--{option} {name}: unknown name{nearest(name, known[option])}")
    tasks = options["tasks"] or [DEFAULT_TASK]
    if len(tasks) > 1 and "task" not in options["keys"]:
        raise ValueError("several --task need --key task=KEY, which says the task of each frame")
    keys = {**options["keys"], **({"outputs": options["outputs"]} if options["outputs"] else {})}
    entry = {**options["entry"], "task": None if "task" in options["keys"] else tasks[0]}
    entry.update({"keys": keys} if keys else {}, **({"units": options["units"]} if options["units"] else {}))
    try:
        data = DataConfig.model_validate(
            {
                "train": [entry],
                "tasks": {name: {"e0": options["e0"]} for name in tasks},
                **options["data"],
            }
        )
    except ValidationError as error:
        raise ValueError(explain(error, DataConfig)) from None
    named = {"virial": "stress"}
    labels = {named.get(name, name) for name in options["keys"]} & {"energy", "forces", "stress"}
    return data, Wanted(sorted(labels), {name: {} for name in CONDITIONS}, CONDITIONS)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--e0 {name}={text}: not a number") from None


def main() -> None:
    one_command("mlip-convert", convert)()


if __name__ == "__main__":
    main()
