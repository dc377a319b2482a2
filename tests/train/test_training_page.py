# SPDX-License-Identifier: MIT
"""docs/training.md lists every key of the configuration, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from mlipkit.data.config import (
    BoltzmannConfig,
    DataConfig,
    FileEntry,
    FilterConfig,
    Keys,
    SplitConfig,
    TaskConfig,
    UnitNames,
)
from mlipkit.nn import MACEConfig
from mlipkit.nn.radial import RadialConfig
from mlipkit.train.config import (
    Deltas,
    LossConfig,
    LossStage,
    Metadata,
    OptimizerConfig,
    ScheduleConfig,
    TrainConfig,
)

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("### Top level", TrainConfig),
    ("### `data`", DataConfig),
    ("### `data.train[]`", FileEntry),
    ("### `data.keys`", Keys),
    ("### `data.units`", UnitNames),
    ("### `data.tasks.NAME`", TaskConfig),
    ("### `data.split`", SplitConfig),
    ("### `data.filters`", FilterConfig),
    ("### `data.boltzmann`", BoltzmannConfig),
    ("### `loss`", LossConfig),
    ("### `loss.huber_delta`", Deltas),
    ("### `loss.stages[]`", LossStage),
    ("### `optimizer`", OptimizerConfig),
    ("### `schedule`", ScheduleConfig),
    ("### `metadata`", Metadata),
    ("## Model", MACEConfig),
    ("`radial` holds:", RadialConfig),
]


@pytest.mark.parametrize(("title", "section"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_table_has_the_keys_of_the_section(title: str, section: type[BaseModel]) -> None:
    assert PAGE.count(f"{title}\n") == 1
    table = PAGE.split(f"{title}\n")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(section.model_fields)


def test_defaults_in_the_tables_are_those_of_the_code() -> None:
    for title, section in SECTIONS[:14]:
        table = PAGE.split(f"{title}\n")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
        for key, shown in re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE):
            entry = section.model_fields[key]
            if entry.is_required():
                assert shown == "required", key
            elif shown not in {"null", "{}", "see below"}:
                default = entry.get_default(call_default_factory=True)
                text = (
                    default
                    if isinstance(default, str)
                    else str(list(default) if isinstance(default, tuple) else default)
                )
                assert shown.strip("`").casefold() == text.casefold(), key
