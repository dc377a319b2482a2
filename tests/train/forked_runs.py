# SPDX-License-Identifier: MIT
"""Starts a training run again and again in child processes, kills each at a random time, then lets it finish.

Children are forked after the imports, so a start costs no time, and times are CPU times of the child: how busy the
machine is does not matter. Usage: forked_runs.py CONFIG KILLS SEED LONGEST; prints as JSON the step that each kill left
in last.ckpt (-1: nothing yet).
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
import torch.utils.tensorboard
from rich.console import Console

from mlipkit.checkpoint import load_checkpoint
from mlipkit.train.config import TrainConfig
from mlipkit.train.config_file import load_config
from mlipkit.train.run import run


def start(config: TrainConfig) -> int:
    """Forks a child that trains, as ``mlip-train --resume`` would; its process number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run(config, Path(), Console(quiet=True), resume=True)
            code = 0
        finally:
            os._exit(code)
    return child


def saved_step(output: Path) -> int:
    path = output / "last.ckpt"
    return load_checkpoint(path).training["progress"]["step"] if path.exists() else -1


def let_compute(child: int, seconds: float) -> None:
    """Waits until a process has had so much CPU time, or has ended."""
    statistics = Path(f"/proc/{child}/schedstat")
    while float(statistics.read_text().split()[0]) < 1e9 * seconds:
        if "Z" in Path(f"/proc/{child}/stat").read_text().rpartition(")")[2]:
            return
        time.sleep(0.0005)


def main() -> None:
    config = load_config(Path(sys.argv[1]))
    kills, choose, longest = int(sys.argv[2]), random.Random(int(sys.argv[3])), float(sys.argv[4])
    torch.set_num_threads(1)
    steps = []
    for _ in range(kills):
        child = start(config)
        let_compute(child, choose.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"the run ended by itself (status {status}) after {len(steps)} kills")
        steps.append(saved_step(Path(config.output)))
    _, status = os.waitpid(start(config), 0)
    if status:
        sys.exit(f"the last run failed with status {status}")
    print(json.dumps(steps))


if __name__ == "__main__":
    main()
