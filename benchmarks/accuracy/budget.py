# SPDX-License-Identifier: MIT
"""The same training time for mlipkit, mace-torch and nequip: who has the smaller force errors on 3BPA?

    python benchmarks/accuracy/budget.py --data path/to/data --minutes 30 --threads 2 --nequip path/to/its/python

All fit the same 450 frames of 300 K and choose the epoch on the same 50. mace-torch and nequip are used as their
documentation says (`rivals.py`, `configs/nequip.yaml`), nequip also with a learning rate that falls until the end of
the time: that of its tutorial falls early. nequip wants a virtual environment of its own, whose Python is named here.
One program runs at a time, so nothing else should run on the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import ase.io
import yaml

from accuracy.fitting import frames_of, mlip_train, predict
from accuracy.rivals import Split, Trained, call, mace, nequip
from accuracy.sets import CONFIGS, THREE_BPA
from common.machine import describe
from common.process import environment
from common.results import Results, Row, parser

ERRORS = Path(__file__).with_name("rival_errors.py")


def split_of(data: Path) -> Split:
    """Every tenth frame is for validation."""
    frames = frames_of(data / "3BPA/train_300K.extxyz.xz")
    atoms = frames_of(data / "3BPA/isolated_atoms.extxyz.xz")
    e0 = {one.get_chemical_formula(): float(one.get_potential_energy()) for one in atoms}
    return Split([f for k, f in enumerate(frames) if k % 10], frames[::10], e0)


def mlipkit(config: str, split: Split, data: Path, folder: Path, minutes: float, threads: int) -> Trained:
    """``mlip-train`` with the configuration of the accuracy study, a process per thread where the batch has structures
    for them; the schedule ends with the time."""
    content = yaml.safe_load((CONFIGS / config).read_text())
    processes = min(threads, content["batch_size"])
    own = threads // processes
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation"):
        ase.io.write(folder / f"{name}.extxyz", getattr(split, name), format="extxyz")
    del content["data"]["split"]
    content["data"]["train"] = [str(folder / "train.extxyz"), str(data / "3BPA/isolated_atoms.extxyz.xz")]
    content["data"]["validation"] = [str(folder / "validation.extxyz")]
    content |= {"output": str(folder / "run"), "threads": own, "max_minutes": minutes, "epochs": 100_000}
    (folder / "train.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    seconds = call([*mlip_train(processes), str(folder / "train.yaml"), "--overwrite"], folder / "command", own)
    summary = json.loads((folder / "run/summary.json").read_text())
    return Trained(folder / "run/best.ckpt", seconds / 60, round(summary["epochs"]))


def hidden_of(config: str) -> str:
    """Features of a configuration in the notation of irreps."""
    model = yaml.safe_load((CONFIGS / config).read_text())["model"]
    degrees = range(model["hidden_l_max"] + 1)
    return " + ".join(f"{model['channels']}x{degree}{'eo'[degree % 2]}" for degree in degrees)


def our_errors(checkpoint: Path, tests: dict[str, Path]) -> Row:
    found = {}
    for name, path in tests.items():
        predicted = predict(checkpoint, path)
        energy = 1e3 * float(((predicted.energy - predicted.reference_energy) ** 2).mean() ** 0.5)
        found[name] = {"energy": energy, "forces": predicted.errors()["forces"]}
    return found


def their_errors(program: str, python: Path, model: Path, tests: dict[str, Path]) -> Row:
    words = [str(python), str(ERRORS), program, str(model), *map(str, tests.values())]
    done = subprocess.run(words, env=environment(1), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, help="folder with 3BPA")
    made.add_argument("--minutes", type=float, default=30.0)
    made.add_argument("--threads", type=int, default=2)
    made.add_argument("--mace", type=Path, default=Path(sys.executable), help="Python that has mace-torch")
    made.add_argument("--nequip", type=Path, help="Python that has nequip; without it nequip is left out")
    made.add_argument("--hidden", nargs="+", default=["64x0e + 64x1o", "64x0e"], help="sizes of mace-torch models")
    arguments = made.parse_args()
    minutes, threads = 0.5 if arguments.quick else arguments.minutes, arguments.threads
    results, machine = Results("budget", arguments), describe(rates=False)
    folder, data = results.folder / ("quick-budget" if arguments.quick else "budget"), arguments.data.resolve()
    split = split_of(data)
    tests = {}
    for test in THREE_BPA.tests:
        name = test.name.split()[0]
        tests[name] = folder / f"{name}.extxyz"
        folder.mkdir(parents=True, exist_ok=True)
        ase.io.write(tests[name], frames_of(data / test.file))

    def measure(train: Callable[[], Trained], program: str, python: Path | None) -> Row:
        trained = train()
        errors = their_errors(program, python, trained.model, tests) if python else our_errors(trained.model, tests)
        return {"minutes": trained.minutes, "epochs": trained.epochs, "errors": errors}

    def part(program: str, model: str, python: Path | None, train: Callable[[], Trained]) -> Row:
        return results.part(lambda: measure(train, program, python), [minutes, threads], program=program, model=model)

    part("mlipkit", hidden_of("3bpa.yaml"), None,
         lambda: mlipkit("3bpa.yaml", split, data, folder / "mlipkit", minutes, threads))  # fmt: skip
    for k, hidden in enumerate(arguments.hidden):
        place = folder / f"mace-{k}-{hidden.replace(' ', '')}"
        part("mace-torch", hidden, arguments.mace,
             lambda h=hidden, p=place: mace(arguments.mace, h, split, p, minutes, threads))  # fmt: skip
    if arguments.nequip:
        common, model = (arguments.nequip, CONFIGS / "nequip.yaml", split), "4 layers, l = 1, 32 features"
        first = part("nequip", model, arguments.nequip,
                     lambda: nequip(*common, folder / "nequip", minutes, threads))  # fmt: skip
        part("nequip", f"{model}, cosine", arguments.nequip,
             lambda: nequip(*common, folder / "nequip-cosine", minutes, threads, first["epochs"]))  # fmt: skip
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    temperatures = list(results.rows[0]["errors"])

    def error(temperature: str, quantity: str) -> Callable[[Row], object]:
        return lambda row: row["errors"][temperature][quantity]

    results.finish(
        machine,
        [
            ("program", lambda row: row["program"]),
            ("model", lambda row: row["model"]),
            ("minutes", lambda row: row["minutes"]),
            ("epochs", lambda row: row["epochs"]),
            *((f"forces {t}, meV/A", error(t, "forces")) for t in temperatures),
            *((f"energy {t}, meV", error(t, "energy")) for t in temperatures),
        ],
        "Equal training time on 3BPA: RMSE on test files (proxies), energies per molecule",
    )


if __name__ == "__main__":
    main()
