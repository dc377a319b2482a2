# SPDX-License-Identifier: MIT
"""Training and evaluation. Nothing below this package imports it."""
