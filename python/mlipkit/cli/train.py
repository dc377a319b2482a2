# SPDX-License-Identifier: MIT
"""``mlip-train``: trains a model as a configuration file says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from mlipkit.cli.common import DebugOption, console, one_command, wait_politely, writable_folder

RUN_FILES = ("last.ckpt", "best.ckpt", "log.csv", "config.yaml", "summary.json")


def train(
    config: Annotated[Path, typer.Argument(help="Configuration, YAML; see docs/training.md.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw away the run in the output folder.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Replace a key of the configuration.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Train a model. Writes checkpoints, log, plots and summary.json into the output folder."""
    wait_politely()
    from mlipkit.train.config_file import load_config

    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other")
    checked = load_config(config, settings or [])
    output = Path(checked.output)
    _prepare_folder(output, resume, overwrite)
    from mlipkit.train.run import run

    run(checked, config.parent, console(), resume)


def _prepare_folder(output: Path, resume: bool, overwrite: bool) -> None:
    """Makes sure that the run can write, and that it destroys nothing unasked."""
    earlier = [name for name in RUN_FILES if (output / name).exists()] if output.is_dir() else []
    if resume and "last.ckpt" not in earlier:
        raise ValueError(f"nothing to resume: {output} holds no last.ckpt")
    if earlier and not (resume or overwrite):
        raise ValueError(f"{output} already holds a run ({earlier[0]}); use --resume, --overwrite or another output")
    writable_folder(output)
    if overwrite:
        for path in [output / name for name in RUN_FILES] + list(output.glob("*.png")):
            path.unlink(missing_ok=True)
        shutil.rmtree(output / "split", ignore_errors=True)


def main() -> None:
    one_command("mlip-train", train)()
