# SPDX-License-Identifier: MIT
"""Fine-tuning: from a checkpoint to a model for other data. What is trained on is decided here; how, in ``train``."""
