# SPDX-License-Identifier: MIT
"""A LAMMPS as its headers and what lies around them tell: source tree, build folder, or installation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlipkit.doctor.lammps_runs import lammps_version
from mlipkit.lammps_build.program import Program

HEADER = "lammps.h"
# Below a source tree, a build folder of CMake, an installation, its include folder.
PLACES = (".", "src", "includes/lammps", "include/lammps", "lammps")
Value = TypeVar("Value")
SIZES = ("smallbig", "bigbig", "smallsmall")


@dataclass(frozen=True)
class Lammps:
    """What the plugin is compiled for.

    Attributes:
        headers: folder that holds ``lammps.h``.
        version: as LAMMPS counts: 20240829.
        version_from: who says so.
        sizes: of its integers, one of ``SIZES``.
        sizes_from: who says so.
        library: its shared library, where one lies near.
    """

    headers: Path
    version: int
    version_from: str
    sizes: str
    sizes_from: str
    library: Path | None


def find_lammps(
    folder: Path, version: int | None = None, sizes: str | None = None, program: Program | None = None
) -> Lammps:
    """Looks around a folder of headers; what is given besides serves where nothing there tells, and must agree.

    Raises:
        ValueError: no headers, no version, or two that contradict each other.
    """
    headers = _headers(folder)
    versions = [_version(headers), (version, "--lammps-version")]
    all_sizes = [_sizes(headers), (sizes, "--sizes")]
    if program is not None:
        versions.append((program.version, program.path))
        all_sizes.append((program.sizes, program.path))
    known_version, version_from = _agreed("version of LAMMPS", versions)
    if known_version is None:
        raise ValueError(
            f"the version of LAMMPS is unknown: neither version.h in {headers} nor liblammps.pc near it; give "
            "--lammps-version YYYYMMDD, the date that `lmp -h` prints (29 Aug 2024: 20240829), or --lmp PROGRAM"
        )
    known_sizes, sizes_from = _agreed("integer sizes of LAMMPS", all_sizes)
    if known_sizes is None:
        known_sizes, sizes_from = SIZES[0], "the default of LAMMPS"
    library = next(_near(headers, "liblammps*.so"), None)
    return Lammps(headers, known_version, version_from, known_sizes, sizes_from, library)


def _agreed(what: str, sources: list[tuple[Value | None, str]]) -> tuple[Value | None, str]:
    """The first that tells; others may be silent, but not tell something else."""
    telling = [(value, who) for value, who in sources if value is not None]
    for value, who in telling[1:]:
        if value != telling[0][0]:
            raise ValueError(
                f"{what}: {telling[0][0]} by {telling[0][1]}, but {value} by {who}; they must belong together"
            )
    return telling[0] if telling else (None, "")


def _headers(folder: Path) -> Path:
    for place in PLACES:
        if (folder / place / HEADER).is_file():
            return (folder / place).resolve()
    below = ", ".join(place for place in PLACES[1:])
    raise ValueError(
        f"no {HEADER} in {folder}, nor in its {below}: give the folder of a LAMMPS source tree, build or installation"
    )


def _near(headers: Path, pattern: str) -> Iterator[Path]:
    """Files of the installation, or build, whose include folder holds the headers; or of a source tree."""
    root = headers.parent.parent
    for folder in (headers, root, root / "pkgconfig", *sorted(root.glob("lib*")), *sorted(root.glob("lib*/*"))):
        if folder == headers or headers.parent.name in ("include", "includes"):
            yield from sorted(folder.glob(pattern))


def _version(headers: Path) -> tuple[int | None, str]:
    file = headers / "version.h"
    if file.is_file():
        found = re.search(r'LAMMPS_VERSION\s+"([^"]+)"', file.read_text())
        date = lammps_version(found.group(1)) if found else None
        if date:
            return int(date[1]), str(file)
    for file in _near(headers, "liblammps*.pc"):
        # 20240829, 2025.7.22.4 (the fourth number counts updates)
        found = re.search(r"^Version:\s*(\d{8}|\d{4}\.\d+\.\d+)", file.read_text(), re.MULTILINE)
        if found:
            year, *rest = found.group(1).split(".")
            return int(year + "".join(f"{int(number):02d}" for number in rest)), str(file)
    return None, ""


def _sizes(headers: Path) -> tuple[str | None, str]:
    for file in _near(headers, "liblammps*.pc"):
        found = re.search(r"-DLAMMPS_(\w+BIG|SMALLSMALL)\b", file.read_text())
        if found:
            return found.group(1).lower(), str(file)
    return None, ""
