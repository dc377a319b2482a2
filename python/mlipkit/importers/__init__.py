# SPDX-License-Identifier: MIT
"""Models of other packages, converted into architectures of this one."""
