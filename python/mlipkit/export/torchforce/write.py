# SPDX-License-Identifier: MIT
"""`export_torchforce`: checkpoint to a verified TorchScript file that an unmodified TorchForce loads."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from mlipkit.checkpoint import Checkpoint
from mlipkit.export.artifact import (
    architecture_config,
    condition_entries,
    make_manifest,
    reference_probe,
    replace_file,
    usual_precision,
)
from mlipkit.export.freeze import deserialise, serialise
from mlipkit.export.manifest import Differences, Precision
from mlipkit.export.probe import Probe, ProbeStructure
from mlipkit.export.reader import TORCHFORCE, ArtifactError
from mlipkit.export.reference import ModelIndex, evaluate_probe
from mlipkit.export.tolerances import tolerance
from mlipkit.export.torchforce.choices import choose_task, condition_values, species_numbers
from mlipkit.export.torchforce.module import ANGSTROM, KJ_PER_MOL, TorchForceModule
from mlipkit.export.torchforce.record import TorchForceRecord
from mlipkit.export.verify import CASTS, verify
from mlipkit.nn.plain import make_plain


def export_torchforce(
    checkpoint: Checkpoint,
    path: str | Path,
    atoms: Atoms,
    *,
    task: str | None = None,
    conditions: Mapping[str, float] | None = None,
    precision: Precision | None = None,
    license: str | None = None,
    authors: Sequence[str] = (),
    citation: Sequence[str] = (),
) -> TorchForceRecord:
    """Writes a verified file, replacing what was there only when everything has passed.

    Args:
        checkpoint: what training gave.
        path: of the file.
        atoms: the particles of the System, in its order; positions and cell serve for the verification alone.
        task: level of theory; None allowed when the model has exactly one.
        conditions: ``total_charge`` (e) and ``spin_multiplicity`` (2S+1), as the model takes them.
        precision: by default ``double`` for models trained in float64, else ``mixed``.
        license: of the model; like ``authors`` and ``citation`` it replaces what the checkpoint says.
        authors: names.
        citation: references.

    Raises:
        ValueError: elements, task or conditions that do not fit the model.
        ArtifactError: a difference above the tolerance table, or an architecture that needs mlipkit's operators.
    """
    config = architecture_config(checkpoint)
    entries = condition_entries(config, checkpoint)
    index = ModelIndex(config.species, config.tasks, config.cutoff)
    symbols = atoms.get_chemical_symbols()
    numbers = species_numbers(symbols, config.species)
    task = choose_task(config.tasks, task)
    values = condition_values(entries, task, conditions or {}, symbols)
    precision = precision or usual_precision(checkpoint)

    model = plain_model(checkpoint, sorted(set(numbers)))
    probe = reference_probe(checkpoint, index, entries)
    found = verify(serialise(torch.jit.script(model), {}), probe, index, [precision])
    metadata: dict[str, Any] = dict(checkpoint.metadata)
    metadata |= {k: v for k, v in (("license", license), ("authors", authors), ("citation", citation)) if v}
    manifest = make_manifest(checkpoint, config, entries, probe, found, precision, metadata)
    record = TorchForceRecord(symbols=symbols, precision=precision, task=task, conditions=values, model=manifest)

    place = config.tasks.index(task)
    energies = checkpoint.tasks[place].e0
    e0 = sum(float(energies[symbol]) for symbol in symbols)
    single = CASTS[precision][1] == torch.float32
    model = model.to(CASTS[precision][0])
    module = TorchForceModule(model, numbers, config.cutoff, e0, place, values, single)
    content = serialise(torch.jit.script(module.eval()), {TORCHFORCE: record.dumps()})
    require_no_operators(content, checkpoint.architecture)
    compare(content, checkpoint, index, record, atoms, e0)
    replace_file(Path(path), content)
    return record


def plain_model(checkpoint: Checkpoint, species: list[int]) -> torch.nn.Module:
    """The model in float64 without operators of the library, with all done that depends on parameters alone."""
    model = checkpoint.build()
    make_plain(model)
    model.requires_grad_(False)
    prepare = getattr(model, "prepare", None)
    if prepare is not None:
        prepare(torch.tensor(species), False)
    return model


def require_no_operators(content: bytes, architecture: str) -> None:
    """Raises ArtifactError where the code in an archive calls operators that torch alone does not have."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        code = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")]
    called = {name for text in code for name in re.findall(r"(?<![\w.])ops\.(\w+\.\w+)", text)}
    foreign = sorted(name.replace(".", "::") for name in called if name.split(".")[0] not in {"aten", "prim"})
    if foreign:
        raise ArtifactError(
            f"architecture {architecture!r} calls {', '.join(foreign)} also when it is plain, which TorchForce does "
            "not know; this model runs by MLIPForce alone"
        )


def compare(
    content: bytes, checkpoint: Checkpoint, index: ModelIndex, record: TorchForceRecord, atoms: Atoms, e0: float
) -> None:
    """Raises ArtifactError unless the file gives, on the given structure, what the reference gives in float64."""
    periodic = bool(atoms.pbc.all())
    structure = ProbeStructure.model_validate(
        {
            "species": record.symbols,
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist() if periodic else None,
            "pbc": [periodic] * 3,
            "task": record.task,
            "conditions": record.conditions,
        }
    )
    wanted = evaluate_probe(checkpoint.build(), Probe(structures=[structure]), index, torch.float64)
    positions = torch.tensor(atoms.positions / ANGSTROM, requires_grad=True)
    box = torch.tensor(atoms.cell.array / ANGSTROM) if periodic else None
    energy: Tensor = deserialise(content)(positions, box)
    energy.backward()
    assert positions.grad is not None
    forces = -positions.grad.numpy() / (KJ_PER_MOL * ANGSTROM)
    found = Differences(
        energy_per_atom=abs(energy.item() / KJ_PER_MOL - e0 - wanted.energy[0]) / len(atoms),
        force=float(np.abs(forces - wanted.forces[0]).max()),
        virial=0.0,
    )
    allowed = tolerance(record.precision, float(np.abs(wanted.forces[0]).max()))
    if not (found.energy_per_atom <= allowed.energy_per_atom and found.force <= allowed.force):
        raise ArtifactError(
            f"on the given structure the TorchForce file differs from the reference by {found.energy_per_atom:.3g} eV "
            f"per atom and {found.force:.3g} eV/angstrom, allowed are {allowed.energy_per_atom:.3g} and "
            f"{allowed.force:.3g} in precision {record.precision!r}. Nothing was written; choose a higher precision"
        )
