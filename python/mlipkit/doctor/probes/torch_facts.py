# SPDX-License-Identifier: MIT
"""What torch says about itself."""

from __future__ import annotations

from mlipkit.doctor.probes import Answer, answer


def facts(content: Answer, _: list[str]) -> None:
    import torch

    content |= {"version": torch.__version__, "path": torch.__file__, "threads": torch.get_num_threads()}
    content["cuda_build"] = torch.version.cuda
    content["devices"] = []
    if torch.version.cuda is not None and torch.cuda.is_available():
        content["devices"] = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    # One operation: an import that works says little about the libraries behind it.
    square = torch.ones(3, 3, dtype=torch.float64) @ torch.ones(3, 3, dtype=torch.float64)
    content["works"] = bool(square.sum() == 27.0)


if __name__ == "__main__":
    answer(facts)
