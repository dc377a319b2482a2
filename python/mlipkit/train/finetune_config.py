# SPDX-License-Identifier: MIT
"""The section ``finetune`` of a training configuration, and the defaults that it changes. No torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlipkit.data.config import FileEntry
from mlipkit.data.keys import Section

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class ReplayConfig(Section):
    """Data that the checkpoint was trained on, to remember them by."""

    data: tuple[FileEntry, ...] = Field(min_length=1, description="files of old data: paths or entries, as in `data`")
    share: Share = Field(default=0.5, description="share of old structures in every epoch")
    held_out: Share = Field(default=0.1, description="fraction of them that is only measured, before and after")

    @field_validator("data", mode="before")
    @classmethod
    def _one_file_alone(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, dict)) else value


class FinetuneConfig(Section):
    """How a run changes the model of ``init``."""

    method: Literal["full", "frozen", "lora"] = Field(
        default="full", description="what trains: `full` everything, `frozen` the readouts, `lora` them and updates"
    )
    rank: Count = Field(default=8, description="lora: rank of the update of each matrix")
    alpha: Annotated[float, Field(gt=0)] = Field(
        default=8.0, description="lora: updates are multiplied by alpha / rank"
    )
    unfreeze: tuple[str, ...] = Field(
        default=(), description="frozen and lora: patterns of further parameters that train, such as `embedding`"
    )
    from_task: str | None = Field(default=None, description="old task that each new task starts as a copy of")
    keep_tasks: bool = Field(default=True, description="keep tasks that have no data in this run")
    new_species: bool | dict[str, str] = Field(
        default=False,
        description="allow elements that the checkpoint lacks; a mapping names the known element that each starts as",
    )
    e0: Literal["refit", "keep"] = Field(
        default="refit",
        description="E0 of tasks with new data: fitted to what the model leaves of the energies, or kept",
    )
    replay: ReplayConfig | None = Field(default=None, description="old data that train along; null: none")
    probe: tuple[FileEntry, ...] = Field(
        default=(), description="files of old data that are only measured, before and after"
    )
    forgetting: Annotated[float, Field(gt=1)] = Field(
        default=1.5, description="warn when an RMSE on old data grew by more than this factor"
    )

    @field_validator("probe", mode="before")
    @classmethod
    def _one_file_alone(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, dict)) else value

    @model_validator(mode="after")
    def _no_contradictions(self) -> FinetuneConfig:
        if self.method == "full" and self.unfreeze:
            raise ValueError("contradictory: with method full everything trains; remove `unfreeze` or change `method`")
        if self.method != "lora":
            for name in sorted({"rank", "alpha"} & self.model_fields_set):
                raise ValueError(f"contradictory: `{name}` belongs to method lora, not {self.method}; remove it")
        return self


# Learning rates: few parameters stand larger steps than all of them at once. In benchmarks/finetune 0.003 gave smaller
# errors than 0.001 with 10 and with 450 structures; 0.01, the rate for random weights, forgets more.
_RATES = {"full": 0.003, "frozen": 0.01, "lora": 0.003}


def with_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose section ``finetune`` is there, completed with the defaults of fine-tuning.

    Training from random weights needs other ones; what the user has set stays. Not a mapping where one is due: the
    checks of the configuration will say so.
    """
    section = content["finetune"]
    method = section.get("method", "full") if isinstance(section, dict) else "full"
    defaults: dict[str, Any] = {
        "optimizer": {"lr": _RATES.get(str(method), _RATES["full"]), "weight_decay": 0.0},
        "schedule": {"warmup_steps": 20},
        "epochs": 50,
    }
    completed = dict(content)
    for key, value in defaults.items():
        given = completed.get(key, {} if isinstance(value, dict) else value)
        completed[key] = {**value, **given} if isinstance(value, dict) and isinstance(given, dict) else given
    return completed
