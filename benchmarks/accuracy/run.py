# SPDX-License-Identifier: MIT
"""Trains on public data and compares the errors on the test files with published ones.

    python benchmarks/accuracy/run.py 3bpa --data path/to/data -o benchmark_out
    python benchmarks/accuracy/run.py mlearn-Cu mlearn-Ni --data path/to/data --set epochs=50

Trains with `mlip-train` and the configuration in `configs/`, tests `best.ckpt`. Interrupt it whenever you like: the
same command goes on where it stopped, and logs are kept beside the run. Test frames that also occur among the training
structures are left out and counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import ase.io
import numpy as np
import yaml
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from accuracy.fitting import mlip_train
from accuracy.sets import CONFIGS, SETS, DataSet, Test
from common.machine import describe
from common.process import environment
from common.results import Results, Row, parser
from mlipkit.data.reading import read_frames


def configuration(chosen: DataSet, data: Path, folder: Path) -> Path:
    """The configuration with absolute paths, in the folder of the run."""
    text = (CONFIGS / chosen.config).read_text().replace("{element}", chosen.element)
    content = yaml.safe_load(text)
    content["data"]["train"] = [str(data / name) for name in content["data"]["train"]]
    content["output"] = str(folder / "run")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def command(program: list[str], threads: int, log: Path) -> None:
    """Runs a command; what it prints is added to the log.

    Raises:
        RuntimeError: it failed.
    """
    with log.open("a") as file:
        done = subprocess.run(program, env=environment(threads), stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(program)} failed with exit code {done.returncode}; see the end of {log}")


def stem(test: Test) -> str:
    """For file names."""
    return test.name.replace(" ", "").replace(",", "-")


def fingerprint(atoms: Atoms) -> NDArray[np.float64]:
    """Numbers that do not depend on how a frame is turned, shifted or numbered: size, and sums over its pairs."""
    first, second, distance = neighbor_list("ijd", atoms, 6.0)
    products = atoms.numbers[first] * atoms.numbers[second]
    return np.array([len(atoms), *((products * distance**-power).sum() for power in (2, 4, 8))])


def test_file(test: Test, chosen: DataSet, data: Path, folder: Path) -> tuple[Path, int]:
    """The test frames that are not among the training structures, and how many were left out.

    Frames are the same if their fingerprints are to a millionth: strained crystals of equal symmetry too, which mlearn
    has in both files.
    """
    names = yaml.safe_load((CONFIGS / chosen.config).read_text())["data"]["train"]
    paths = [data / name.replace("{element}", chosen.element) for name in names]
    seen = np.array([fingerprint(atoms) for path in paths for _, atoms in read_frames(path)])
    frames = [atoms for _, atoms in read_frames(data / test.file)]
    new = [not (np.abs(seen / fingerprint(atoms) - 1.0).max(axis=1) < 1e-6).any() for atoms in frames]
    kept = [atoms for atoms, is_new in zip(frames, new, strict=True) if is_new]
    path = folder / f"test-{stem(test)}.extxyz"
    ase.io.write(path, kept)
    return path, len(frames) - len(kept)


def measure(chosen: DataSet, test: Test, data: Path, folder: Path) -> Row:
    """Errors of ``best.ckpt``: RMSE of the energy in meV per molecule or atom, of forces in meV/angstrom."""
    path, left_out = test_file(test, chosen, data, folder)
    found = errors(path, folder / f"eval-{stem(test)}", chosen.per_atom)
    return {**found, "left_out": left_out, "published": test.published}


def errors(path: Path, where: Path, per_atom: bool) -> Row:
    """Errors on a file of ``best.ckpt`` of the run beside ``where``; frames of molecules have equally many atoms."""
    program = str(Path(sys.executable).with_name("mlip-eval"))
    command([program, str(where.parent / "run/best.ckpt"), str(path), "-o", str(where)], 1, where.parent / "eval.log")
    found = json.loads((where / "summary.json").read_text())
    frames = ase.io.read(path, ":")
    size = 1 if per_atom else len(frames[0])
    return {
        "frames": len(frames),
        "energy_meV": 1e3 * size * found["energy_per_atom"]["rmse"],
        "forces_meV_per_A": 1e3 * found["forces"]["rmse"],
    }


def train(config: Path, folder: Path, settings: list[str], processes: int) -> Row:
    """Trains, or goes on; time and size of the run."""
    summary = folder / "run/summary.json"
    words = [word for setting in settings for word in ("--set", setting)]
    threads = yaml.safe_load(config.read_text())["threads"]
    command([*mlip_train(processes), str(config), "--resume", *words], threads, folder / "train.log")
    found: dict[str, Any] = json.loads(summary.read_text())
    return {
        "minutes": found["seconds"]["training"] / 60,
        "cores": processes * found["threads"],
        "epochs": found["epochs"],
        "steps": found["steps"],
        "parameters": found["n_parameters"],
        "channels": found["model"]["channels"],
        "hidden_l_max": found["model"]["hidden_l_max"],
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("sets", nargs="+", metavar="SET", choices=sorted(SETS), help=", ".join(SETS))
    made.add_argument("--data", type=Path, required=True, help="folder with 3BPA, AcAc, mlearn ...")
    made.add_argument("--set", dest="settings", action="append", default=[], help="KEY=VALUE, as in mlip-train")
    made.add_argument("--processes", type=int, default=1, help="that share the training")
    arguments = made.parse_args()
    results = Results("accuracy", arguments)
    for name in arguments.sets:
        chosen, folder = SETS[name], results.folder / "accuracy" / name
        data = arguments.data.resolve()
        run = train(configuration(chosen, data, folder), folder, arguments.settings, arguments.processes)
        for test in chosen.tests:
            row = {"set": name, "test": test.name, **run, **measure(chosen, test, data, folder)}
            (folder / f"result-{stem(test)}.json").write_text(json.dumps(row, indent=1) + "\n")
    # all sets that were ever finished in this folder belong to the table
    for name, known in SETS.items():
        paths = [results.folder / "accuracy" / name / f"result-{stem(test)}.json" for test in known.tests]
        results.rows += [json.loads(path.read_text()) for path in paths if path.exists()]
    finish(results, describe(rates=False))


def finish(results: Results, machine: Row) -> None:
    def others(row: Row) -> str:
        texts = (f"{name} {'-' if e is None else f'{e:g}'} / {f:g}" for name, (e, f) in row["published"].items())
        return "; ".join(texts)

    results.finish(
        machine,
        [
            ("set", lambda row: row["set"]),
            ("test", lambda row: f"{row['test']}, {row['frames']} frames"),
            ("left out", lambda row: row["left_out"]),
            ("energy, meV", lambda row: row["energy_meV"]),
            ("forces, meV/A", lambda row: row["forces_meV_per_A"]),
            ("published, energy / forces", others),
            ("channels, degree of features", lambda row: f"{row['channels']}, {row['hidden_l_max']}"),
            ("epochs", lambda row: f"{row['epochs']:g}"),
            ("minutes", lambda row: row["minutes"]),
            ("cores", lambda row: row["cores"]),
        ],
        "RMSE on test files; energies per molecule (mlearn: per atom)",
    )


if __name__ == "__main__":
    main()
