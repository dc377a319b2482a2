# SPDX-License-Identifier: MIT
"""``mlip-export best.ckpt -o model.pt``: checkpoint, or a model of mace-torch, to a verified file that hosts run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipkit.cli.common import DebugOption, console, one_command
from mlipkit.cli.from_mace import (
    HeadOption,
    KeepOption,
    ListOption,
    MaceOption,
    check_source,
    import_model,
    show_heads,
)
from mlipkit.cli.torchforce import (
    About,
    ChargeOption,
    FormatOption,
    PrecisionOption,
    SpinOption,
    StructureOption,
    TaskOption,
    TorchForceOptions,
    check_format,
    write_torchforce,
)
from mlipkit.export.manifest import PRECISIONS, Manifest, Precision

if TYPE_CHECKING:
    from mlipkit.checkpoint import Checkpoint


def export(
    checkpoint: Annotated[Path | None, typer.Argument(help="Checkpoint of mlip-train, such as best.ckpt.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("model.pt"),
    format: FormatOption = "artifact",
    from_mace: MaceOption = None,
    head: HeadOption = None,
    list_heads: ListOption = False,
    keep: KeepOption = None,
    license: Annotated[str | None, typer.Option(help="Licence of the model, an SPDX name.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Who made the model; may be repeated.")] = None,
    citation: Annotated[list[str] | None, typer.Option(help="What users should cite; may be repeated.")] = None,
    precisions: Annotated[str | None, typer.Option(help="Precisions to verify and offer; all if not given.")] = None,
    default_precision: Annotated[str | None, typer.Option(help="Precision when a host names none.")] = None,
    structure: StructureOption = None,
    task: TaskOption = None,
    total_charge: ChargeOption = None,
    spin_multiplicity: SpinOption = None,
    precision: PrecisionOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    debug: DebugOption = False,
) -> None:
    """Freeze a checkpoint, verify it against the float64 reference in every precision, and write the artifact."""
    chosen = known_precision(precision) if precision else None
    options = TorchForceOptions(structure, task, total_charge, spin_multiplicity, chosen)
    for_torchforce = check_format(format, options, precisions, default_precision)
    offered = [known_precision(name) for name in precisions.split(",")] if precisions else list(PRECISIONS)
    default = known_precision(default_precision) if default_precision else None
    check_source(checkpoint, from_mace, head=head, list_heads=list_heads, keep=keep)
    if from_mace is not None and list_heads:
        show_heads(from_mace)
        return
    for target in [output] if keep is None else [output, keep]:
        check_target(target, force)
    if keep is not None and keep.resolve() == output.resolve():
        raise ValueError(f"exported file and checkpoint are both to be {output}; give two different files")
    start = time.perf_counter()
    source = read_source(checkpoint, from_mace, head)
    about: About = {"license": license, "authors": author or [], "citation": citation or []}
    if for_torchforce:
        write_torchforce(source, output, options, about)
    else:
        write_artifact(source, output, offered, default, about)
    out = console()
    if keep is not None:
        source.save(keep)
        out.print(f"wrote {keep}, to train on with mlip-train", markup=False)
    size = output.stat().st_size / 1e6
    out.print(f"wrote {output} ({size:.1f} MB) in {time.perf_counter() - start:.1f} s", markup=False)


# Imports are late below, so that mistakes above and --help need no torch.


def read_source(checkpoint: Path | None, from_mace: Path | None, head: str | None) -> Checkpoint:
    """The model that is to be exported."""
    from mlipkit.checkpoint import load_checkpoint

    if from_mace is not None:
        return import_model(from_mace, head)
    assert checkpoint is not None
    return load_checkpoint(checkpoint)


def write_artifact(
    source: Checkpoint, output: Path, offered: list[Precision], default: Precision | None, about: About
) -> None:
    """Writes the artifact and says how well it was reproduced."""
    from mlipkit.cli.inspect import verification_table
    from mlipkit.export.artifact import export as write

    manifest = write(source, output, precisions=offered, default_precision=default, **about)
    out = console()
    out.print(verification_table(manifest))
    if not with_ensemble(manifest, source):
        out.print(
            "the model has no uncertainties: its ensemble was not fitted, as mlip-train does when a run ends; let it "
            "end with --resume"
        )


def with_ensemble(manifest: Manifest, source: Checkpoint) -> bool:
    """Whether the artifact gives all that the architecture could."""
    from mlipkit.export.artifact import architecture_config

    names = {output.name for output in manifest.outputs}
    return all(output.name in names for output in architecture_config(source).computed_outputs)


def known_precision(name: str) -> Precision:
    """The precision of that name, spaces around it dropped."""
    for precision in PRECISIONS:
        if name.strip() == precision:
            return precision
    raise ValueError(f"unknown precision {name.strip()!r}; known: {', '.join(PRECISIONS)}")


def check_target(output: Path, force: bool) -> None:
    """Raises ValueError where the file cannot or must not be written, before the work begins."""
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give a file name such as {output / 'model.pt'}")
    if not output.parent.is_dir():
        raise ValueError(f"folder {output.parent} does not exist; make it first")
    if output.exists() and not force:
        raise ValueError(f"{output} exists; give --force to replace it, or another name")


def main() -> None:
    one_command("mlip-export", export)()
