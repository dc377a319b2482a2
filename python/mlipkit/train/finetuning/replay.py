# SPDX-License-Identifier: MIT
"""Old data in a fine-tuning run: structures that train along, and structures that are only measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlipkit.data.config import DataConfig, FileEntry, SplitConfig
from mlipkit.data.dataset import Dataset, References, Subsets, prepare, read_data
from mlipkit.data.errors import DataError
from mlipkit.data.files import FileUse
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted
from mlipkit.data.scan import Show
from mlipkit.data.structure import Structure
from mlipkit.train.finetune_config import ReplayConfig


def read_replay(replay: ReplayConfig, data: DataConfig, folder: Path, wanted: Wanted) -> tuple[DataConfig, Subsets]:
    """The old data, not yet split, and the configuration to prepare them with."""
    split = SplitConfig(validation=replay.held_out, seed=data.split.seed)
    entries = {"train": replay.data, "validation": (), "test": ()}
    section = data.model_copy(update={**entries, "split": split, "config_type_weights": {}})
    return section, read_data(section, folder, wanted)


def prepare_replay(
    section: DataConfig, folder: Path, subsets: Subsets, builder: GraphBuilder, show: Show, find_references: References
) -> Dataset:
    """Graphs of old data, with the E0 that are given; ``train`` is the pool, ``validation`` is held out."""
    return prepare(section, folder, subsets, builder, Wanted(), show, find_references)


def read_probe(entries: Sequence[FileEntry], data: DataConfig, folder: Path, wanted: Wanted) -> Sequence[Structure]:
    """Structures that are only measured."""
    section = data.model_copy(update={"train": tuple(entries), "validation": (), "test": ()})
    return read_data(section, folder, wanted)["train"]


def check_disjoint(parts: dict[str, Iterable[Structure]]) -> None:
    """What is measured must not be trained on, nor anything be trained on twice.

    Args:
        parts: place in the configuration -> its structures.

    Raises:
        DataError: naming the frame and both places.
    """
    owners: dict[tuple[Path, int, str], str] = {}
    for place, structures in parts.items():
        for structure in structures:
            first = owners.setdefault((Path(structure.file).resolve(), structure.frame, structure.task), place)
            if first != place:
                raise DataError(
                    f"{structure.where} is used twice: by {first} and by {place}; remove one of them, or give disjoint "
                    "`frames`"
                )


def renamed(uses: Iterable[FileUse], use: str) -> list[FileUse]:
    """Files of old data under the name of their use."""
    return [FileUse(u.path, use, u.sha256, u.frames, u.tasks, u.weight) for u in uses]
