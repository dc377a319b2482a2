// SPDX-License-Identifier: MIT
//
// Lists of names in messages, and the valid name nearest to a wrong one.
#pragma once

#include <string>
#include <vector>

namespace mlip {

/// "H, O, C"
std::string joined(const std::vector<std::string>& names);

/// " (did you mean 'O'?)" with the name of least edit distance, ignoring case; empty when nothing comes near.
std::string nearest_hint(const std::string& wrong, const std::vector<std::string>& names);

}  // namespace mlip
