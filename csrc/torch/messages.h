// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>

namespace mlip {

/// The one line of a torch exception that says what happened: no C++ backtrace, no TorchScript traceback.
std::string one_line(const std::exception& error);

/// Whether the exception says that memory ran out, on any device.
bool is_out_of_memory(const std::exception& error);

}  // namespace mlip
