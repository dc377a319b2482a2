# SPDX-License-Identifier: MIT
"""Runs the examples of README and docs: what a page shows is what the code does.

The blocks of one page run in order in one folder that holds what users have at that point: ``model.pt``, ``best.ckpt``,
``water.extxyz``, ``water.data`` and ``mace.model``. A fenced block is run by its language: ``bash`` line by line,
``python``, ``lammps`` with ``lmp -in``. A second word after the language is a file name: the block is written there
and not run. ``sh`` marks the commands of the Makefile, which must exist as targets. ``text`` and other languages are
not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*match.groups(default="")) for match in FENCE.finditer(page.read_text())]


def run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    options = {"capture_output": True, "text": True, "timeout": 600, "check": False}
    done = subprocess.run(command, cwd=folder, env=environment, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def execute(block: Block, folder: Path, number: int) -> None:
    if block.file:
        target = folder / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)
    elif block.language == "bash":
        run(["bash", "-euo", "pipefail", "-c", block.text], folder)
    elif block.language == "python":
        run([sys.executable, "-c", block.text], folder)
    elif block.language == "lammps":
        deck = folder / f"example{number}.in"
        deck.write_text(block.text)
        run(["lmp", "-in", deck.name], folder)
    elif block.language == "sh":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        wanted = re.findall(r"^make ([\w-]+)", block.text, re.MULTILINE)
        assert set(wanted) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(page: Path, user_folder: Path) -> None:
    for number, block in enumerate(blocks(page)):
        execute(block, user_folder, number)


def test_pages_have_examples() -> None:
    kinds = {block.language for page in PAGES for block in blocks(page) if not block.file}
    assert {"bash", "python", "lammps"} <= kinds


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
