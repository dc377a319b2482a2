// SPDX-License-Identifier: MIT
//
// How the engine fails: C++ exceptions inside, a status and a message at the C border. Nothing here prints.
#pragma once

#include <exception>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "mlip/mlip.h"

namespace mlip {

/// A failure with the status that the C interface reports. Thrown by libmlip and libmlip_torch alike.
class MLIP_API Error : public std::runtime_error {
 public:
  Error(mlip_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  mlip_status status() const { return status_; }

 private:
  mlip_status status_;
};

/// Joins the arguments into one string; floating-point numbers with six digits.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
[[noreturn]] void fail(mlip_status status, const Parts&... parts) {
  throw Error(status, concat(parts...));
}

/// Keeps the message for mlip_last_error() of this thread.
void set_last_error(const char* message) noexcept;
const char* last_error() noexcept;

/// Runs the body of one C function: no exception leaves, every failure becomes a status and a message.
template <class Body>
mlip_status guarded(Body&& body) noexcept {
  try {
    body();
    return MLIP_OK;
  } catch (const Error& error) {
    set_last_error(error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    set_last_error("out of memory in the engine; use fewer atoms per process");
    return MLIP_ERROR_BACKEND;
  } catch (const std::exception& error) {
    set_last_error(error.what());
    return MLIP_ERROR_BACKEND;
  } catch (...) {
    set_last_error("unknown failure in the engine");
    return MLIP_ERROR_BACKEND;
  }
}

}  // namespace mlip
