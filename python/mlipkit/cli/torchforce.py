# SPDX-License-Identifier: MIT
"""The part of ``mlip-export`` that writes files for OpenMM's TorchForce: options, and what it says about them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from mlipkit.cli.common import console
from mlipkit.export.manifest import Precision
from mlipkit.export.torchforce.choices import option

if TYPE_CHECKING:
    from ase import Atoms

    from mlipkit.checkpoint import Checkpoint

FORMATS = ("artifact", "torchforce")

FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="What to write: artifact, for all hosts of mlipkit, or torchforce, a TorchScript file for OpenMM's "
        "TorchForce and one list of particles.",
    ),
]
StructureOption = Annotated[
    Path | None,
    typer.Option(help="With torchforce: structure with the particles of the System, in its order; any file ASE reads."),
]
TaskOption = Annotated[str | None, typer.Option(help="With torchforce: level of theory, where there are several.")]
ChargeOption = Annotated[float | None, typer.Option(help="With torchforce: total charge, e, where the model takes it.")]
SpinOption = Annotated[
    float | None, typer.Option(help="With torchforce: spin multiplicity 2S+1, where the model takes it.")
]
PrecisionOption = Annotated[
    str | None, typer.Option(help="With torchforce: single, mixed or double; as the artifact's default if not given.")
]


class About(TypedDict):
    """What both formats say of the model besides numbers."""

    license: str | None
    authors: list[str]
    citation: list[str]


@dataclass(frozen=True)
class TorchForceOptions:
    """What the command line says for a TorchForce file alone."""

    structure: Path | None
    task: str | None
    total_charge: float | None
    spin_multiplicity: float | None
    precision: Precision | None


def check_format(name: str, options: TorchForceOptions, precisions: str | None, default_precision: str | None) -> bool:
    """Whether a TorchForce file is wanted.

    Raises:
        ValueError: an unknown format, or options that belong to the other one.
    """
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    if name == "artifact":
        for field in fields(options):
            if getattr(options, field.name) is not None:
                raise ValueError(f"{option(field.name)} belongs to --format torchforce, which is not given")
        return False
    for text, value in (("--precisions", precisions), ("--default-precision", default_precision)):
        if value is not None:
            raise ValueError(f"{text} belongs to artifacts; a TorchForce file has one precision: --precision")
    if options.structure is None:
        raise ValueError(
            "TorchForce tells a model nothing about elements, so the file is made for one list of particles; give "
            "--structure FILE with them, in the order of the System"
        )
    return True


def read_particles(path: Path) -> Atoms:
    """The first structure of a file.

    Raises:
        ValueError: no such file, or none that ASE reads.
    """
    import ase.io

    if not path.is_file():
        raise ValueError(f"structure {path} does not exist")
    try:
        atoms = ase.io.read(path, index=0)
    except Exception as error:
        raise ValueError(f"ASE cannot read structure {path}: {type(error).__name__}: {error}") from error
    assert not isinstance(atoms, list)
    return atoms


def write_torchforce(source: Checkpoint, output: Path, options: TorchForceOptions, about: About) -> None:
    """Writes the file and says what is inside."""
    from mlipkit.export.torchforce.write import export_torchforce

    assert options.structure is not None
    given = {"total_charge": options.total_charge, "spin_multiplicity": options.spin_multiplicity}
    record = export_torchforce(
        source,
        output,
        read_particles(options.structure),
        task=options.task,
        conditions={name: value for name, value in given.items() if value is not None},
        precision=options.precision,
        **about,
    )
    inside = ", ".join([f"task {record.task}", *(f"{name} {value:g}" for name, value in record.conditions.items())])
    console().print(
        f"for TorchForce: {len(record.symbols)} particles, {inside}, precision {record.precision}", markup=False
    )
