// SPDX-License-Identifier: MIT
#include "torch/messages.h"

#include <c10/util/Exception.h>

namespace mlip {
namespace {

std::string text_of(const std::exception& error) {
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&error)) return torch_error->what_without_backtrace();
  return error.what();
}

std::string first_line(const std::string& text, size_t from) {
  const size_t start = text.find_first_not_of(" \n\t", from);
  if (start == std::string::npos) return "no reason given";
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

std::string one_line(const std::exception& error) {
  const std::string text = text_of(error);
  // A TorchScript traceback ends in "RuntimeError: <what happened>".
  const std::string mark = "Error: ";
  const size_t found = text.rfind(mark);
  return first_line(text, found == std::string::npos ? 0 : found + mark.size());
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const std::string text = text_of(error);
  for (const char* sign : {"out of memory", "can't allocate memory", "not enough memory", "bad_alloc"})
    if (text.find(sign) != std::string::npos) return true;
  return false;
}

}  // namespace mlip
