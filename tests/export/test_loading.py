# SPDX-License-Identifier: MIT
"""What the engine checks when it opens an artifact: reported, quick, and not fooled by a sound checksum."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipkit.checkpoint import Checkpoint
from mlipkit.export import ArtifactError, read_manifest, read_probe
from mlipkit.export.artifact import write
from mlipkit.export.freeze import freeze
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError


@pytest.mark.parametrize("precision", ["single", "mixed", "double"])
@pytest.mark.parametrize("name", ["water_artifact", "vector_artifact"])
def test_probe_is_quick_and_reported(name: str, precision: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    description = Engine(path, precision=precision).describe()
    manifest = read_manifest(path)
    assert description.manifest == manifest.model_dump(by_alias=True, mode="json")
    assert description.n_probes == len(read_probe(path).structures)
    assert 0 < description.probe_seconds < 2
    allowed = manifest.tolerances[precision]
    assert description.probe_energy_error <= allowed.energy_per_atom
    assert description.probe_force_error <= allowed.force
    if precision != "double":
        assert description.probe_force_error > 0


def test_only_structures_of_the_species_and_task_in_use(two_task_artifact: Path) -> None:
    structures = read_probe(two_task_artifact).structures
    for species in (["H"], ["O", "H"], ["C", "H", "O"]):
        description = Engine(two_task_artifact, species=species, task="hybrid").describe()
        wanted = [s for s in structures if s.task == "hybrid" and set(s.species) <= set(species)]
        assert description.n_probes == len(wanted)


@pytest.mark.parametrize("precision", ["single", "mixed", "double"])
def test_engine_refuses_a_module_that_contradicts_the_probe(
    water_checkpoint: Checkpoint, water_artifact: Path, tmp_path: Path, precision: str
) -> None:
    """The checksum of this file is right; only the probe can tell."""
    module = freeze(water_checkpoint)
    module.embedding.data[1] *= 1.01
    update = {"precisions": [precision], "default_precision": precision}
    manifest = read_manifest(water_artifact).model_copy(update=update)
    with pytest.raises(ArtifactError, match=rf"does not reproduce its own reference.*precision {precision}"):
        write(module, manifest, read_probe(water_artifact), tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_unknown_species_is_named(water_artifact: Path) -> None:
    with pytest.raises(EngineError, match=r"'Na'.*H.*O"):
        Engine(water_artifact, species=["Na", "H"])
