# SPDX-License-Identifier: MIT
"""The part of ``mlip-export`` that takes models of mace-torch: options, and what it says about them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlipkit.cli.common import console

if TYPE_CHECKING:
    from mlipkit.checkpoint import Checkpoint

FEW = 10  # species that are all named

MaceOption = Annotated[
    Path | None,
    typer.Option(help="Model of mace-torch in place of CHECKPOINT. Unpickles it: runs code of whoever made the file."),
]
HeadOption = Annotated[str | None, typer.Option(help="With --from-mace: head of the model, where it has several.")]
ListOption = Annotated[bool, typer.Option("--list-heads", help="With --from-mace: print the heads and stop.")]
KeepOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="With --from-mace: also write a checkpoint, for mlip-train.")
]


def check_source(
    checkpoint: Path | None, from_mace: Path | None, *, head: str | None, list_heads: bool, keep: Path | None
) -> None:
    """Raises ValueError unless there is exactly one source and no option that needs the other one."""
    if checkpoint is not None and from_mace is not None:
        raise ValueError(f"two models are given, {checkpoint} and --from-mace {from_mace}; give one of them")
    if from_mace is not None:
        return
    given = {"--head": head is not None, "--list-heads": list_heads, "--checkpoint": keep is not None}
    for option in [name for name, used in given.items() if used]:
        raise ValueError(f"{option} belongs to --from-mace FILE, which is not given")
    if checkpoint is None:
        raise ValueError("no model is given; give the checkpoint of mlip-train, or --from-mace FILE")


def show_heads(path: Path) -> None:
    """Prints the names of the heads, one per line; what was unpickled goes to stderr."""
    from mlipkit.importers.mace import list_heads

    heads = list_heads(path)
    console(stderr=True).print(f"unpickled {path}, which can run code of whoever made it", markup=False)
    for name in heads:
        print(name)


def import_model(path: Path, head: str | None) -> Checkpoint:
    """The converted model; says what was unpickled, how well both agree, and where they differ on purpose."""
    from mlipkit.importers.mace import import_mace

    checkpoint = import_mace(path, head)
    out = console()
    out.print(summary(path, checkpoint), markup=False)
    source = checkpoint.provenance["source"]
    found = source["verified"]
    out.print(
        f"compared with the original in float64 on {found['structures']} structures: energies of atoms differ by up to "
        f"{found['energy_per_atom']:.1e} eV, forces by {found['force']:.1e} eV/angstrom",
        markup=False,
    )
    for note in source["notes"]:
        warnings.warn(note, stacklevel=2)
    return checkpoint


def summary(path: Path, checkpoint: Checkpoint) -> str:
    """One line: that the file was unpickled, and what it holds."""
    config, source = checkpoint.config, checkpoint.provenance["source"]
    species = config["species"]
    named = " ".join(species) if len(species) <= FEW else f"{species[0]} to {species[-1]}, {len(species)} of them"
    channels = config["channels"]
    irreps = "+".join(f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(config["hidden_l_max"] + 1))
    layers = "1 layer" if config["n_layers"] == 1 else f"{config['n_layers']} layers"
    return (
        f"unpickled {path}, which can run code of whoever made it: {source['model']} in {source['dtype']}, "
        f"species {named}, cutoff {config['cutoff']:g} angstrom, {layers}, hidden irreps {irreps}, "
        f"head {source['head']}"
    )
