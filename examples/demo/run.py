# SPDX-License-Identifier: MIT
"""From quantum-chemistry data to molecular dynamics: train, export, run in LAMMPS on two ranks and in OpenMM, compare.

Run by `make demo`. Everything lands in demo_out/: checkpoint, artifact, logs, plots and summary.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import ase.io
from analysis import (
    comparable,
    first_peak,
    last_half,
    longest_bond,
    loop_time,
    radial_distribution,
    read_dump,
    read_extxyz_xz,
    read_openmm_log,
    read_openmm_pdb,
    read_thermo,
    write_water_pdb,
)
from engines import largest_differences
from rich.console import Console

from report import plot_molecular_dynamics, plot_radial_distribution, print_table

HERE = Path(__file__).resolve().parent
OUT = Path("demo_out")
WATER = HERE.parent / "water"
BIN = Path(sys.executable).parent
STEPS, TIMESTEP, TARGET = 1000, 0.5, 300.0  # steps, fs, K
RANKS = 2
console = Console()


def command(title: str, *words: str, folder: Path = Path(), threads: int = 1, quiet: bool = False) -> float:
    """Runs one step of the way, shows its output, stops the demo when it fails; returns the seconds it took."""
    console.rule(f"[bold]{title}")
    console.print("[dim]" + " ".join(Path(word).name if word.startswith("/") else word for word in words))
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PATH": f"{BIN}:{os.environ['PATH']}"}
    start = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, check=False, stdout=subprocess.DEVNULL if quiet else None)
    if done.returncode:
        console.print(f"[red]'{title}' failed with exit code {done.returncode}")
        sys.exit(done.returncode)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setup-seconds", type=float, default=0.0, help="time that the installation took")
    times = {"setup": parser.parse_args().setup_seconds}
    start = time.perf_counter()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    times["training"] = command("Train", "mlip-train", str(HERE / "train.yaml"), threads=2)
    times["export"] = command("Export", "mlip-export", str(OUT / "train/best.ckpt"), "-o", str(OUT / "model.pt"))
    command("Errors on unseen frames", "mlip-eval", str(OUT / "model.pt"), str(WATER / "water_64.extxyz.xz"),
            "-o", str(OUT / "eval"), threads=2)  # fmt: skip

    begin = read_extxyz_xz(WATER / "water_64.extxyz.xz")[0]
    ase.io.write(OUT / "water.data", begin, format="lammps-data", specorder=["H", "O"], masses=True)
    shutil.copy(HERE / "nvt.in", OUT)
    shutil.copy(HERE / "rerun.in", OUT)
    variables = ["-var", "model", "model.pt", "-var", "data", "water.data"]
    mpirun = ["mpirun", "-np", str(RANKS), "lmp"]
    times["md"] = command(f"{STEPS} steps of {len(begin)} atoms in LAMMPS on {RANKS} ranks", *mpirun, "-in", "nvt.in",
                          *variables, "-var", "steps", str(STEPS), folder=OUT)  # fmt: skip
    write_water_pdb(OUT / "water.pdb", begin)
    shutil.copy(HERE / "nvt_openmm.py", OUT)
    times["openmm"] = command(f"{STEPS} steps of the same in OpenMM", "python", "nvt_openmm.py", "model.pt",
                              "water.pdb", str(STEPS), folder=OUT)  # fmt: skip
    command("Frames of the first run again in double precision, to compare engines", *mpirun, "-in", "rerun.in",
            "-log", "log.rerun", *variables, folder=OUT, quiet=True)  # fmt: skip

    summary = analyse(times)
    summary["seconds_total"] = times["setup"] + time.perf_counter() - start
    (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    print_table(summary, console)


def analyse(times: dict[str, float]) -> dict[str, object]:
    """Numbers of the run, and the plots."""
    symbols = ["H", "O"]
    frames = read_dump(OUT / "md.dump", symbols)
    openmm_frames, openmm_log = read_openmm_pdb(OUT / "openmm.pdb"), read_openmm_log(OUT / "openmm.csv")
    thermo = read_thermo(OUT / "log.lammps")
    half = len(frames) // 2
    r, g = radial_distribution(frames[half:], 6.0)
    openmm_r, openmm_g = radial_distribution(openmm_frames[half:], 6.0)
    data = [atoms for atoms in read_extxyz_xz(WATER / "water.extxyz.xz") if comparable(atoms)]
    data_r, data_g = radial_distribution(data, 4.4)
    plot_molecular_dynamics(thermo, TIMESTEP, TARGET, OUT / "temperature_energy.png")
    curves = {"mlipkit in LAMMPS": (r, g), "mlipkit in OpenMM": (openmm_r, openmm_g)}
    plot_radial_distribution(curves, (data_r, data_g), OUT / "radial_distribution.png")
    for plot in (OUT / "train").glob("*.png"):
        shutil.copy(plot, OUT)
    seconds = loop_time(OUT / "log.lammps")
    openmm_ms = openmm_log["ms_per_step"]
    return {
        "errors": json.loads((OUT / "eval/summary.json").read_text()),
        "training": json.loads((OUT / "train/summary.json").read_text()),
        "seconds": times,
        "atoms": len(frames[0]),
        "steps": STEPS,
        "ranks": RANKS,
        "ns_per_day": STEPS * TIMESTEP * 1e-6 / seconds * 86400,
        "ms_per_step": 1e3 * seconds / STEPS,
        "force_differences": largest_differences(read_dump(OUT / "rerun.dump", symbols), OUT / "model.pt"),
        "mean_temperature": last_half(thermo["Temp"]),
        "target_temperature": TARGET,
        "longest_OH_bond": longest_bond(frames),
        "first_OO_peak": first_peak(r, g),
        "first_OO_peak_data": first_peak(data_r, data_g),
        "openmm": {
            "ms_per_step": openmm_ms,
            "ns_per_day": TIMESTEP * 1e-6 / (1e-3 * openmm_ms) * 86400,
            "mean_temperature": last_half(openmm_log["temperature"]),
            "longest_OH_bond": longest_bond(openmm_frames),
            "first_OO_peak": first_peak(openmm_r, openmm_g),
        },
    }


if __name__ == "__main__":
    main()
