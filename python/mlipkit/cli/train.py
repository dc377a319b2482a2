# SPDX-License-Identifier: MIT
"""``mlip-train``: trains a model as a configuration file says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from mlipkit.cli.common import DebugOption, console, fail, is_first, one_command, wait_politely, writable_folder

RUN_FILES = ("last.ckpt", "best.ckpt", "log.csv", "config.yaml", "summary.json")
RUN_FOLDERS = ("split", "tensorboard")

ConfigArgument = Annotated[Path, typer.Argument(help="Configuration, YAML; see docs/training.md.", show_default=False)]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder, or start it.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Throw away the run in the output folder.")]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Replace a key of the configuration.")
]


def train(
    config: ConfigArgument,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    settings: SettingsOption = None,
    debug: DebugOption = False,
) -> None:
    """Train a model. Writes checkpoints, log, plots and summary.json into the output folder."""
    start("mlip-train", config, resume, overwrite, settings or [])


def start(
    program: str,
    config: Path,
    resume: bool,
    overwrite: bool,
    settings: list[str],
    implied: dict[str, Any] | None = None,
) -> None:
    """Runs what a configuration says; ``implied`` are the keys that the command stands for.

    Raises:
        ValueError: a configuration or folder that cannot be used.
        typer.Exit: the run was interrupted.
    """
    wait_politely()
    from mlipkit.train.config_file import load_config

    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other")
    checked = load_config(config, settings, implied)
    output = Path(checked.output)
    _prepare_folder(output, resume, overwrite)
    from mlipkit.train.interruption import Interrupted
    from mlipkit.train.run import run

    screen = console()
    screen.quiet = not is_first()
    try:
        run(checked, config.parent, screen, resume)
    except Interrupted as interrupted:
        if is_first():
            fail(program, str(interrupted))
        raise typer.Exit(128 + interrupted.signum) from None


def _prepare_folder(output: Path, resume: bool, overwrite: bool) -> None:
    """Makes sure that the run can write, and that it destroys nothing unasked."""
    earlier = [name for name in RUN_FILES if (output / name).exists()] if output.is_dir() else []
    if earlier and not (resume or overwrite):
        raise ValueError(f"{output} already holds a run ({earlier[0]}); use --resume, --overwrite or another output")
    writable_folder(output)
    if overwrite:
        for path in [output / name for name in RUN_FILES] + list(output.glob("*.png")):
            path.unlink(missing_ok=True)
        for name in RUN_FOLDERS:
            shutil.rmtree(output / name, ignore_errors=True)


def main() -> None:
    one_command("mlip-train", train)()


if __name__ == "__main__":  # torchrun -m mlipkit.cli.train
    main()
