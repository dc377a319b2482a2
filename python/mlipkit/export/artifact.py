# SPDX-License-Identifier: MIT
"""`export`: checkpoint to verified artifact. Nothing appears under the final name that the engine would refuse."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from ase.data import atomic_masses, atomic_numbers

import mlipkit
from mlipkit.checkpoint import UNCERTAINTY, Checkpoint
from mlipkit.export.digest import artifact_digest
from mlipkit.export.engine_check import open_with_engine
from mlipkit.export.freeze import deserialise, freeze, serialise
from mlipkit.export.manifest import PRECISIONS, Condition, Halo, Manifest, Output, Precision, TaskEntry, Verification
from mlipkit.export.probe import Probe, make_probe
from mlipkit.export.reader import DIGEST, MANIFEST, PROBE, ArtifactError
from mlipkit.export.reference import ModelIndex, evaluate_probe, with_reference
from mlipkit.export.tolerances import tolerance
from mlipkit.export.verify import verify
from mlipkit.nn.registry import ArchitectureConfig, config_class


def export(
    checkpoint: Checkpoint,
    path: str | Path,
    *,
    license: str | None = None,
    authors: Sequence[str] = (),
    citation: Sequence[str] = (),
    precisions: Sequence[Precision] = PRECISIONS,
    default_precision: Precision | None = None,
) -> Manifest:
    """Writes a verified artifact, replacing what was there only when everything has passed.

    Args:
        checkpoint: what training gave.
        path: of the artifact.
        license: of the model; like ``authors`` and ``citation`` it replaces what the checkpoint says.
        authors: names.
        citation: references.
        precisions: offered to hosts; each is verified.
        default_precision: by default ``double`` for models trained in float64, else ``mixed`` where offered.

    Raises:
        ArtifactError: tasks that contradict the architecture, or a difference above the tolerance table.
    """
    config = architecture_config(checkpoint)
    conditions = condition_entries(config, checkpoint)
    index = ModelIndex(config.species, config.tasks, config.cutoff)
    probe = reference_probe(checkpoint, index, conditions)
    module = freeze(checkpoint)
    found = verify(serialise(module, {}), probe, index, precisions)
    metadata: dict[str, Any] = dict(checkpoint.metadata)
    metadata |= {k: v for k, v in (("license", license), ("authors", authors), ("citation", citation)) if v}
    manifest = make_manifest(checkpoint, config, conditions, probe, found, default_precision, metadata)
    write(module, manifest, probe, Path(path))
    return manifest


def architecture_config(checkpoint: Checkpoint) -> ArchitectureConfig:
    """The validated config, consistent with the tasks of the checkpoint."""
    config = config_class(checkpoint.architecture).model_validate(checkpoint.config)
    assert isinstance(config, ArchitectureConfig)
    names = [task.name for task in checkpoint.tasks]
    if names != config.tasks:
        raise ArtifactError(f"the checkpoint has reference energies for tasks {names}, its model has {config.tasks}")
    for task in checkpoint.tasks:
        missing = [symbol for symbol in config.species if symbol not in task.e0]
        if missing:
            raise ArtifactError(f"the checkpoint lacks the reference energy of {missing} in task {task.name!r}")
    return config


def condition_entries(config: ArchitectureConfig, checkpoint: Checkpoint) -> dict[str, Condition]:
    """Conditions for the manifest; a host must set those for which a task has no default."""
    entries = {}
    for name, limits in config.condition_ranges.items():
        default = {task.name: task.defaults[name] for task in checkpoint.tasks if name in task.defaults}
        required = len(default) < len(checkpoint.tasks)
        entries[name] = Condition(required=required, range=limits, default=default)
    return entries


def output_entries(config: ArchitectureConfig, fitted: bool) -> list[Output]:
    """Outputs for the manifest; those of an ensemble only when it was fitted: they would be zero before."""
    specs = [*config.outputs, *(config.computed_outputs if fitted else [])]
    entries = [Output(**spec.model_dump()) for spec in specs]
    widths = {spec.name: spec.width for spec in specs}
    for statistic in config.statistics:
        if statistic.of in widths:
            width = 1 if statistic.statistic == "deviation_of_sums" else widths[statistic.of]
            entries.append(Output(**statistic.model_dump(), per="structure", width=width))
    return entries


def reference_probe(checkpoint: Checkpoint, index: ModelIndex, conditions: dict[str, Condition]) -> Probe:
    """The probe with the numbers of the eager model in float64."""
    probe = make_probe(index.species, index.cutoff, index.tasks, conditions)
    results = evaluate_probe(checkpoint.build(), probe, index, torch.float64)
    if not results.finite:
        raise ArtifactError("the model gives NaN or infinity on the probe; its parameters are broken, train it again")
    return with_reference(probe, results)


def usual_precision(checkpoint: Checkpoint) -> Precision:
    """``double`` for models trained in float64, else ``mixed``."""
    # An imported model is kept in float64, whatever it was trained in.
    trained = checkpoint.provenance.get("source", {}).get("dtype", checkpoint.dtype)
    return "double" if trained == "float64" else "mixed"


def make_manifest(
    checkpoint: Checkpoint,
    config: ArchitectureConfig,
    conditions: dict[str, Condition],
    probe: Probe,
    found: dict[str, Verification],
    default_precision: str | None,
    metadata: dict[str, Any],
) -> Manifest:
    usual = usual_precision(checkpoint)
    default_precision = default_precision or (usual if usual in found else next(iter(found)))
    if default_precision not in found:
        raise ArtifactError(f"default precision {default_precision!r} is not offered; offered: {', '.join(found)}")
    tasks = [
        TaskEntry(name=t.name, level_of_theory=t.level_of_theory, e0={s: float(t.e0[s]) for s in config.species})
        for t in checkpoint.tasks
    ]
    force = probe.largest_force()
    content = {
        "schema": 1,
        "mlipkit_version": mlipkit.__version__,
        "architecture": checkpoint.architecture,
        "species": config.species,
        "atomic_numbers": [int(atomic_numbers[symbol]) for symbol in config.species],
        "masses": {symbol: float(atomic_masses[atomic_numbers[symbol]]) for symbol in config.species},
        "cutoff": config.cutoff,
        "n_layers": config.n_layers,
        "interaction_range": config.interaction_range,
        "halo": Halo(
            exchanges=config.n_exchanges, values_per_ghost=config.values_per_ghost if config.n_exchanges else 0
        ),
        "dtype": checkpoint.dtype,
        "precisions": list(found),
        "default_precision": default_precision,
        "tasks": tasks,
        "conditions": conditions,
        "outputs": output_entries(config, fitted=UNCERTAINTY in checkpoint.provenance),
        "tolerances": {precision: tolerance(precision, force) for precision in found},
        "verification": found,
        "provenance": make_provenance(checkpoint),
    }
    content |= {key: metadata[key] for key in ("license", "authors", "citation") if metadata.get(key)}
    return Manifest.model_validate(content)


def make_provenance(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the checkpoint says, without the folders of the machine that trained."""
    files = [{**entry, "path": Path(entry["path"]).name} for entry in checkpoint.provenance.get("datasets", [])]
    return {**checkpoint.provenance, "datasets": files, "torch_version": torch.__version__}


def write(module: torch.jit.ScriptModule, manifest: Manifest, probe: Probe, path: Path) -> None:
    """Writes beside the target, lets the engine open that file in every precision and task, then renames."""
    texts = {MANIFEST: manifest.dumps(), PROBE: probe.dumps()}
    digest = artifact_digest(texts[MANIFEST], texts[PROBE], module)
    content = serialise(module, {**texts, DIGEST: digest})
    if artifact_digest(texts[MANIFEST], texts[PROBE], deserialise(content)) != digest:
        raise ArtifactError("the archive does not give back the tensors that were written into it; nothing was written")
    replace_file(path, content, lambda part: open_with_engine(part, manifest))


def replace_file(path: Path, content: bytes, check: Callable[[Path], None] | None = None) -> None:
    """Writes beside the target, lets the check read that file, then renames: what was there stays when it fails."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        if check is not None:
            check(part)
        os.replace(part, path)
    except OSError as error:
        raise ArtifactError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
