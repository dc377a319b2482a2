// SPDX-License-Identifier: MIT
#pragma once

namespace mlip {

/// As mlip_keep_freed_memory. A model allocates the same large arrays in every step; given back to the system each
/// time, they come again as fresh pages, which cost as much as the arithmetic on virtual machines.
void keep_freed_memory();

}  // namespace mlip
