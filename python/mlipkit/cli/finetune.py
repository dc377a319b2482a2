# SPDX-License-Identifier: MIT
"""``mlip-finetune``: ``mlip-train`` that starts from a checkpoint and says what became of it."""

from __future__ import annotations

from mlipkit.cli.common import DebugOption, one_command
from mlipkit.cli.train import ConfigArgument, OverwriteOption, ResumeOption, SettingsOption, start


def finetune(
    config: ConfigArgument,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    settings: SettingsOption = None,
    debug: DebugOption = False,
) -> None:
    """Fine-tune the checkpoint that `init` names; see docs/finetuning.md.

    As mlip-train with a section `finetune`, which may be left out here: its defaults hold, and a table compares errors
    before and after.
    """
    start("mlip-finetune", config, resume, overwrite, settings or [], implied={"finetune": {}})


def main() -> None:
    one_command("mlip-finetune", finetune)()


if __name__ == "__main__":  # torchrun -m mlipkit.cli.finetune
    main()
