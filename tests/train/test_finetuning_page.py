# SPDX-License-Identifier: MIT
"""docs/finetuning.md lists every key of the section ``finetune`` and the defaults that it changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from mlipkit.train.config import TrainConfig
from mlipkit.train.finetune_config import FinetuneConfig, ReplayConfig

PAGE = (Path(__file__).parents[2] / "docs" / "finetuning.md").read_text()


@pytest.mark.parametrize(("title", "section"), [("finetune", FinetuneConfig), ("finetune.replay", ReplayConfig)])
def test_tables_are_those_of_the_code(title: str, section: type[BaseModel]) -> None:
    table = PAGE.split(f"### `{title}`\n")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE))
    assert set(rows) == set(section.model_fields)
    for key, shown in rows.items():
        entry = section.model_fields[key]
        default = [] if entry.default == () else entry.default
        expected = "required" if entry.is_required() else "null" if default is None else f"`{default}`".casefold()
        assert shown.casefold() == expected, key


@pytest.mark.parametrize(("method", "rate"), [("full", 0.003), ("lora", 0.003), ("frozen", 0.01)])
def test_changed_defaults_are_those_of_the_code(method: str, rate: float) -> None:
    content = {"output": "x", "init": "x", "data": {"train": "x"}, "finetune": {"method": method}}
    config = TrainConfig.model_validate(content)
    assert config.optimizer.lr == rate
    assert f"`{rate}` {method}" in PAGE
    for name, value in [("optimizer.weight_decay", 0), ("schedule.warmup_steps", 20), ("epochs", 50)]:
        found: object = config
        for part in name.split("."):
            found = getattr(found, part)
        assert found == value
        assert f"| `{name}` | `{value}` |" in PAGE
