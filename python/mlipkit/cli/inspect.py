# SPDX-License-Identifier: MIT
"""``mlip-inspect model.pt``: what an artifact says about itself. Reads the manifest alone; loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from ase.formula import Formula
from rich.console import Console
from rich.table import Table

from mlipkit.cli.common import DebugOption, one_command
from mlipkit.export.manifest import Manifest
from mlipkit.export.reader import read_manifest
from mlipkit.export.torchforce.record import TorchForceRecord, is_torchforce, read_torchforce


def inspect(
    artifact: Annotated[Path, typer.Argument(help="File written by mlip-export.")],
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON, for programs.")] = False,
    debug: DebugOption = False,
) -> None:
    """Print what an artifact, or a file for TorchForce, says about itself."""
    content = read_torchforce(artifact) if is_torchforce(artifact) else read_manifest(artifact)
    console = Console(highlight=False)
    if json:
        print(content.dumps(), end="")
    elif isinstance(content, TorchForceRecord):
        console.print(_particles(content, artifact))
        show(content.model, Path("its model"), console)
    else:
        show(content, artifact, console)


def main() -> None:
    one_command("mlip-inspect", inspect)()


def show(manifest: Manifest, path: Path, console: Console) -> None:
    """Prints all tables about an artifact."""
    console.print(_overview(manifest, path))
    console.print(_species(manifest))
    if manifest.conditions:
        console.print(_conditions(manifest))
    if manifest.outputs:
        console.print(_outputs(manifest))
    console.print(verification_table(manifest))


def _particles(record: TorchForceRecord, path: Path) -> Table:
    table = Table(title=str(path), show_header=False, title_justify="left", title_style="bold")
    table.add_row("format", "TorchScript for OpenMM's TorchForce, no artifact")
    table.add_row("particles", f"{len(record.symbols)}: {Formula(''.join(record.symbols)).format('hill')}")
    table.add_row("task", record.task)
    table.add_row("precision", record.precision)
    for name, value in record.conditions.items():
        table.add_row(name, f"{value:g}")
    return table


def _overview(manifest: Manifest, path: Path) -> Table:
    table = Table(title=str(path), show_header=False, title_justify="left", title_style="bold")
    halo = manifest.halo
    exchange = "none"
    if halo.exchanges:
        exchange = f"{halo.exchanges} x {halo.values_per_ghost} values per ghost, there and back"
    rows = {
        "architecture": f"{manifest.architecture}, {manifest.n_layers} layers",
        "species": " ".join(manifest.species),
        "cutoff": f"{manifest.cutoff:g} angstrom",
        "interaction range": f"{manifest.interaction_range:g} angstrom",
        "halo": exchange,
        "precision": f"{manifest.default_precision} by default; offers {', '.join(manifest.precisions)}",
        "trained in": manifest.dtype,
        "units": f"{manifest.units.energy}, {manifest.units.length}, {manifest.units.charge}",
        "written by": f"mlipkit {manifest.mlipkit_version}, artifact schema {manifest.schema_version}",
        "licence": manifest.license or "not stated",
        "authors": ", ".join(manifest.authors) or "not stated",
        "citation": "\n".join(manifest.citation) or "not stated",
        "training config": manifest.provenance.config_sha256 or "not stated",
        "data": "\n".join(f"{data.path} {data.sha256[:12]}" for data in manifest.provenance.datasets) or "not stated",
    }
    for key, value in (manifest.provenance.model_extra or {}).items():
        rows[key.replace("_", " ")] = _text(value)
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def _text(value: Any) -> str:
    """Entries of a provenance, nested ones in parentheses."""
    if isinstance(value, dict) and value:
        parts = [
            f"{name} ({_text(part)})" if isinstance(part, dict) else f"{name} {_text(part)}"
            for name, part in value.items()
        ]
        return ", ".join(parts)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _species(manifest: Manifest) -> Table:
    table = Table(title="Species and tasks", title_justify="left")
    for column in ("species", "Z", "mass, u"):
        table.add_column(column, justify="right")
    for task in manifest.tasks:
        table.add_column(f"E0, eV\n{task.name}\n{task.level_of_theory}", justify="right")
    for symbol, number in zip(manifest.species, manifest.atomic_numbers, strict=True):
        energies = [f"{task.e0[symbol]:.6f}" for task in manifest.tasks]
        table.add_row(symbol, str(number), f"{manifest.masses[symbol]:.4f}", *energies)
    return table


def _conditions(manifest: Manifest) -> Table:
    table = Table("condition", "required", "range", "default per task", title="Conditions", title_justify="left")
    for name, condition in manifest.conditions.items():
        low, high = condition.range
        defaults = ", ".join(f"{task}: {value:g}" for task, value in condition.default.items())
        table.add_row(name, "yes" if condition.required else "no", f"{low:g} to {high:g}", defaults or "none")
    return table


def _outputs(manifest: Manifest) -> Table:
    table = Table("output", "unit", "per", "values", "from", title="Named outputs", title_justify="left")
    for output in manifest.outputs:
        source = "the model" if output.sums_to is None else f"the model, sums to {output.sums_to}"
        if output.statistic is not None:
            source = f"{output.factor:g} x {output.statistic} of {output.of}"
        table.add_row(output.name, output.unit, output.per, str(output.width), source)
    return table


def verification_table(manifest: Manifest) -> Table:
    """Largest differences from the float64 reference on the probe, with the tolerance of each."""
    table = Table(title="Verified at export: difference (allowed)", title_justify="left")
    table.add_column("precision")
    for column in ("energy, eV/atom", "force, eV/angstrom", "virial, eV", "structures"):
        table.add_column(column, justify="right")
    for precision in manifest.precisions:
        found, allowed = manifest.verification[precision], manifest.tolerances[precision]
        table.add_row(
            precision,
            f"{found.energy_per_atom:.1e} ({allowed.energy_per_atom:.1e})",
            f"{found.force:.1e} ({allowed.force:.1e})",
            f"{found.virial:.1e} ({allowed.virial:.1e})",
            str(found.n_structures),
        )
    return table
