# SPDX-License-Identifier: MIT
"""`MLIPForce`: an artifact as a native OpenMM force. Importing this module loads the plugin into OpenMM.

Systems that were saved with such a force are read by ``XmlSerializer.deserialize`` once this module is imported.
"""

from __future__ import annotations

import ctypes
import hashlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import openmm
    from openmm import app, unit
except ImportError as error:
    raise ImportError(
        f"mlipkit.openmm needs OpenMM ({error}); install it with: pip install 'mlipkit[openmm]'"
    ) from error

from mlipkit._libraries import library_folder
from mlipkit.export.reader import read_manifest

__all__ = ["MLIPForce", "get_output", "plugin_path"]

VERSION = 2  # of the serialized form


def plugin_path() -> Path:
    """The plugin library that OpenMM loads.

    Raises:
        FileNotFoundError: mlipkit was built without it.
    """
    path = library_folder() / "libMLIPOpenMM.so"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: mlipkit was built without OpenMM; run `pip install .` again")
    return path


def _load_plugin() -> None:
    """Once per process: Python runs a module once."""
    path = plugin_path()
    try:
        openmm.Platform.loadPluginLibrary(str(path))
    except openmm.OpenMMException as error:
        raise ImportError(f"OpenMM {openmm.Platform.getOpenMMVersion()} cannot load {path}: {error}") from error


_load_plugin()
_library = ctypes.CDLL(str(plugin_path()))
_library.mlip_openmm_output.restype = ctypes.c_long


class MLIPForce(openmm.Force):
    """A frozen model acting on all particles of a System, on the platforms Reference and CPU.

    The force belongs to the System to which ``System.addForce`` gives it. The artifact is verified when a Context is
    created; a System that is saved holds the path and the SHA-256 of the artifact, not the artifact itself.

    Args:
        model: artifact that mlip-export wrote.
        symbols: chemical symbol of each particle, in the order of the System.
        topology: in place of ``symbols``: chemical symbols, and whether there are periodic images, from here.
        precision: ``single``, ``mixed`` or ``double``, on every platform; by default what the manifest says.
        task: level of theory; must be named when the model has several.
        total_charge: e, for models that take it.
        spin_multiplicity: 2S+1, for models that take it.
        periodic: whether the model sees periodic images in the box of the Context, in all three directions; by default
            whether the topology has box vectors.
        skin: nm, or a length with its unit; neighbour candidates are kept until a particle has moved by half of it.
        threads: of the model; 0: as many as the platform uses (property ``Threads`` of CPU; one on Reference).
        device: ``cpu``, ``cuda`` or ``cuda:N``: where the model runs, whatever the platform.
        tables: replace radial networks by tables of the distance; by default in precision ``single`` and ``mixed``.

    Raises:
        ArtifactError: the file is missing, damaged, or no artifact.
        ValueError: an element that the model lacks, an atom without element, or a choice of periodicity that is
            missing or impossible.
    """

    def __init__(
        self,
        model: str | Path,
        symbols: Sequence[str] | None = None,
        topology: app.Topology | None = None,
        *,
        precision: str | None = None,
        task: str | None = None,
        total_charge: float | None = None,
        spin_multiplicity: float | None = None,
        periodic: bool | None = None,
        skin: float | unit.Quantity = 0.05,
        threads: int = 0,
        device: str = "cpu",
        tables: bool | None = None,
    ) -> None:
        manifest = read_manifest(model)
        known = _symbols(symbols, topology)
        _require_species(known, manifest.species, model)
        path = Path(model).absolute()
        properties: dict[str, Any] = {
            "type": "MLIPForce",
            "version": VERSION,
            "forceGroup": 0,
            "name": "MLIPForce",
            "file": path,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "symbols": " ".join(known),
            "periodic": int(_periodic(periodic, topology)),
            "precision": precision or "",
            "task": task or "",
            "device": device,
            "skin": repr(_value(skin, unit.nanometer)),
            "threads": threads,
        }
        if tables is not None:
            properties["tables"] = int(tables)
        if total_charge is not None:
            properties["totalCharge"] = repr(_value(total_charge, unit.elementary_charge))
        if spin_multiplicity is not None:
            properties["spinMultiplicity"] = repr(float(spin_multiplicity))
        element = ElementTree.Element("Force", {name: str(value) for name, value in properties.items()})
        # The C++ object comes from the plugin's serialization proxy; this one takes it over, ownership included.
        self.this = openmm.XmlSerializer.deserialize(ElementTree.tostring(element, encoding="unicode")).this

    def getOutput(self, context: openmm.Context, name: str) -> NDArray[np.float64]:
        """A named output of the model for the positions and the box that a Context has now.

        Evaluates the model once, without forces; steps of a simulation compute no outputs.

        Args:
            context: of the System that holds this force.
            name: of the output; `mlip-inspect` lists those of an artifact.

        Returns:
            [N] or [N, width] for an output per atom, [] or [width] for one of the structure, in the unit that the model
            states.

        Raises:
            OpenMMException: the model has no such output, the Context is of another System, or the evaluation failed.
        """
        return get_output(self, context, name)


def get_output(force: openmm.Force, context: openmm.Context, name: str) -> NDArray[np.float64]:
    """:meth:`MLIPForce.getOutput` for a force as ``system.getForce(i)`` returns it."""
    width, values, error = ctypes.c_int(), ctypes.POINTER(ctypes.c_double)(), ctypes.c_char_p()
    rows = _library.mlip_openmm_output(
        ctypes.c_void_p(int(force.this)),
        ctypes.c_void_p(int(context.this)),
        name.encode(),
        ctypes.byref(width),
        ctypes.byref(values),
        ctypes.byref(error),
    )
    if rows == -2:
        raise openmm.OpenMMException((error.value or b"").decode())
    shape = (*(() if rows == -1 else (rows,)), *(() if width.value == 1 else (width.value,)))
    return np.array(values[: abs(rows) * width.value], dtype=np.float64).reshape(shape)


def _symbols(symbols: Sequence[str] | None, topology: app.Topology | None) -> list[str]:
    if (symbols is None) == (topology is None):
        raise ValueError("give either symbols=[...], one chemical symbol per particle, or topology=")
    if isinstance(symbols, app.Topology):
        raise ValueError("a topology is given by name: MLIPForce(model, topology=...)")
    if isinstance(symbols, str):
        raise ValueError(f"symbols is the text {symbols!r}; give a list, one chemical symbol per particle: ['O', 'H']")
    if symbols is not None:
        return [str(symbol) for symbol in symbols]
    assert topology is not None
    for atom in topology.atoms():
        if atom.element is None:
            raise ValueError(
                f"atom {atom.index} ({atom.name} of residue {atom.residue.name} {atom.residue.id}) has no element; "
                "virtual sites and other particles without element cannot be in an MLIPForce, which acts on all "
                "particles: remove them, or set atom.element"
            )
    return [atom.element.symbol for atom in topology.atoms()]


def _require_species(symbols: list[str], known: list[str], model: str | Path) -> None:
    missing = sorted(set(symbols) - set(known))
    if missing:
        where = symbols.index(missing[0])
        raise ValueError(
            f"the model {model} does not know {', '.join(missing)} (first: particle {where}, {missing[0]!r}); "
            f"it knows {', '.join(known)}"
        )


def _periodic(periodic: bool | None, topology: app.Topology | None) -> bool:
    boxed = topology is not None and topology.getPeriodicBoxVectors() is not None
    if periodic is None and topology is None:
        raise ValueError(
            "with symbols alone, periodic must be given: True for periodic images in the box of the System, "
            "False for none"
        )
    if periodic and topology is not None and not boxed:
        raise ValueError(
            "periodic=True, but the topology has no periodic box vectors; set them with "
            "topology.setPeriodicBoxVectors, or give periodic=False"
        )
    return boxed if periodic is None else bool(periodic)


def _value(quantity: Any, wanted: unit.Unit) -> float:
    return float(quantity.value_in_unit(wanted) if unit.is_quantity(quantity) else quantity)
