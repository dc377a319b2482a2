// SPDX-License-Identifier: MIT
#include "core/error.h"

namespace mlip {
namespace {
thread_local std::string message;
thread_local bool message_lost = false;
}  // namespace

void set_last_error(const char* text) noexcept {
  try {
    message = text;
    message_lost = false;
  } catch (...) {
    message_lost = true;
  }
}

const char* last_error() noexcept {
  return message_lost ? "out of memory while an error was reported" : message.c_str();
}

}  // namespace mlip
