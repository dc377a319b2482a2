# SPDX-License-Identifier: MIT
"""Operators of the model. Importing this package registers ``torch.ops.mlip.*``."""

import torch

from mlipkit._libraries import library_folder

torch.ops.load_library(str(library_folder() / "libmlip_torch.so"))
