# SPDX-License-Identifier: MIT
"""The data sets of the accuracy study: files below the data folder, and published errors on the same test files.

Published numbers: 3BPA and AcAc from Batatia et al., NeurIPS 2022 (arXiv:2206.07697), tables 2 and 3; mlearn: the
potentials of Zuo et al., J. Phys. Chem. A 124, 731 (2020), evaluated in LAMMPS on the test files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CONFIGS = Path(__file__).with_name("configs")
Errors = tuple[float | None, float]  # root mean square of energy (meV, see DataSet.per_atom) and force (meV/angstrom)


@dataclass(frozen=True)
class Test:
    """A test file, what others reach on it, and what is asked of us."""

    __test__ = False  # for pytest

    name: str
    file: str
    published: dict[str, Errors] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """One training run and its tests."""

    name: str
    config: str  # file in CONFIGS
    tests: tuple[Test, ...]
    per_atom: bool = False  # energies per atom, else per molecule
    element: str = ""  # fills {element} of the configuration


def _molecules(*rows: tuple[str, str, dict[str, Errors]]) -> tuple[Test, ...]:
    return tuple(Test(name, file, published) for name, file, published in rows)


# Proxies: frames of the published mixed-temperature training file, from the same dynamics as the published tests.

THREE_BPA = DataSet(
    "3bpa",
    "3bpa.yaml",
    _molecules(
        ("300 K, proxy", "3BPA/proxy_test_300K_dev.extxyz.xz",
         {"MACE L=2": (3.0, 8.8), "MACE L=1": (3.4, 10.3), "NequIP": (3.3, 10.8), "Allegro": (3.84, 12.98)}),
        ("600 K, proxy", "3BPA/proxy_test_600K_dev.extxyz.xz",
         {"MACE L=2": (9.7, 21.8), "MACE L=1": (9.9, 24.6), "NequIP": (11.2, 26.4), "Allegro": (12.07, 29.17)}),
        ("1200 K, proxy", "3BPA/proxy_test_1200K_dev.extxyz.xz",
         {"MACE L=2": (29.8, 62.0), "MACE L=1": (31.7, 67.8), "NequIP": (38.5, 76.2), "Allegro": (42.57, 82.96)}),
    ),
)  # fmt: skip

ACAC = DataSet(
    "acac",
    "acac.yaml",
    _molecules(
        ("300 K", "AcAc/test_MD_300K.extxyz.xz", {"MACE": (0.9, 5.1), "NequIP": (0.81, 5.90), "BOTNet": (0.89, 6.3)}),
        ("600 K", "AcAc/test_MD_600K_dev.extxyz.xz",
         {"MACE": (4.6, 22.4), "NequIP": (6.04, 27.8), "BOTNet": (6.2, 29.8)}),
    ),
)  # fmt: skip

_MLEARN: dict[str, dict[str, Errors]] = {
    "Cu": {"SNAP": (0.75, 83.0), "qSNAP": (0.77, 55.0)},
    "Ni": {"SNAP": (1.17, 85.0), "qSNAP": (1.04, 75.0)},
    "Li": {"SNAP": (1.31, 38.0), "qSNAP": (0.85, 44.0)},
    "Si": {"SNAP": (8.06, 205.0), "qSNAP": (5.51, 177.0)},
    "Ge": {"SNAP": (9.75, 295.0), "qSNAP": (10.55, 201.0)},
}


def _mlearn(element: str, published: dict[str, Errors]) -> DataSet:
    tests = (Test("test", f"mlearn/{element}_test.extxyz.xz", published),)
    return DataSet(f"mlearn-{element}", "mlearn.yaml", tests, per_atom=True, element=element)


SETS = {each.name: each for each in (THREE_BPA, ACAC, *(_mlearn(*item) for item in _MLEARN.items()))}
