# SPDX-License-Identifier: MIT
"""Energy conservation: 5 ps of NVE in every precision, and the scaling of the energy fluctuation with the time step.

    python benchmarks/nve/run.py demo_out/model.pt -o nve_out

Velocity Verlet conserves a shadow energy: the fluctuation of the total energy falls with the square of the step as
long as forces are the gradient of the energy, and the total energy has no drift. Prints one JSON line and a table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import ase.io
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "examples" / "demo"), str(HERE.parent)]
from analysis import read_extxyz_xz, read_thermo  # noqa: E402

from common.conservation import drift, fluctuation  # noqa: E402

WATER = HERE.parents[1] / "examples" / "water" / "water.extxyz.xz"


def lmp(deck: str, folder: Path, log: str, **variables: object) -> None:
    """One LAMMPS run on one core; a log that is complete is kept, so that the benchmark can be resumed."""
    if (folder / log).is_file() and "Total wall time" in (folder / log).read_text():
        return
    words = [str(Path(sys.executable).parent / "lmp"), "-in", str(HERE / deck), "-log", log, "-screen", "none"]
    for name, value in variables.items():
        words += ["-var", name, str(value)]
    subprocess.run(words, cwd=folder, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def trajectory(log: Path, timestep: float, n_atoms: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    thermo = read_thermo(log)
    return thermo["Step"] * timestep, (thermo["TotEng"] - thermo["TotEng"][0]) / n_atoms


def main(
    model: Path,
    output: Annotated[Path, typer.Option("-o", "--output")] = Path("nve_out"),
    picoseconds: float = 5.0,
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    start = next(
        a for a in read_extxyz_xz(WATER) if a.info.get("n_molecules") == 16 and a.info.get("temperature") == 300
    )
    ase.io.write(output / "start.data", start, format="lammps-data", specorder=["H", "O"], masses=True)
    n_atoms, path = len(start), model.resolve()
    lmp("equilibrate.in", output, "log.equilibrate", model=path, data="start.data", steps=4000)

    results: dict[str, object] = {"model": re.sub(r".*/", "", str(model)), "atoms": n_atoms, "picoseconds": picoseconds}
    step = 0.00025
    for precision in ("double", "mixed", "single"):
        log = f"log.{precision}"
        lmp("nve.in", output, log, model=path, data="equilibrated.data", precision=precision, timestep=step,
            steps=round(picoseconds / step), every=2)  # fmt: skip
        time, energy = trajectory(output / log, step, n_atoms)
        slope, error = drift(time, energy)
        results[precision] = {"drift": slope, "drift_error": error, "fluctuation": fluctuation(time, energy)}

    window = min(2.0, picoseconds)
    lmp("nve.in", output, "log.half", model=path, data="equilibrated.data", precision="double", timestep=step / 2,
        steps=round(2 * window / step), every=4)  # fmt: skip
    fine = trajectory(output / "log.half", step / 2, n_atoms)
    time, energy = trajectory(output / "log.double", step, n_atoms)
    coarse = (time[time <= window], energy[time <= window])
    results["fluctuation_ratio"] = fluctuation(*coarse) / fluctuation(*fine)
    (output / "summary.json").write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results))
    report(results)


def report(results: dict[str, object]) -> None:
    table = Table(title=f"NVE, {results['atoms']} atoms, {results['picoseconds']} ps at 0.25 fs")
    for column in ("precision", "drift (eV/atom/ps)", "standard error", "fluctuation (eV/atom)"):
        table.add_column(column, justify="right")
    for precision in ("double", "mixed", "single"):
        row = results[precision]
        assert isinstance(row, dict)
        table.add_row(precision, f"{row['drift']:.2e}", f"{row['drift_error']:.1e}", f"{row['fluctuation']:.2e}")
    Console().print(table)
    Console().print(f"fluctuation at 0.25 fs / at 0.125 fs: {results['fluctuation_ratio']:.2f} (4 expected)")


if __name__ == "__main__":
    typer.run(main)
