// SPDX-License-Identifier: MIT
//
// The host's side of a halo exchange during one evaluation. Header only: libmlip fills it, libmlip_torch calls it.
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "mlip/mlip.h"

namespace mlip {

/// Callbacks of the host and what became of them. An exception that crosses a TorchScript interpreter loses its type,
/// so the failure is also kept here.
struct HaloHost {
  mlip_halo callbacks{};
  int64_t max_bytes = 0;  // per row, as the manifest declares it: hosts size their buffers by it
  std::string failure;    // empty while all is well
  mlip_status failure_status = MLIP_OK;

  void clear_failure() {
    failure.clear();
    failure_status = MLIP_OK;
  }

  void forward(void* rows, int width, mlip_dtype dtype) { call(callbacks.forward, "forward", rows, width, dtype); }
  void reverse(void* rows, int width, mlip_dtype dtype) { call(callbacks.reverse, "reverse", rows, width, dtype); }

 private:
  using Callback = int (*)(void*, void*, int, mlip_dtype);
  void call(Callback callback, const char* direction, void* rows, int width, mlip_dtype dtype) {
    const int64_t bytes = static_cast<int64_t>(width) * dtype;
    if (bytes > max_bytes)
      stop(MLIP_ERROR_ARTIFACT, concat("the model exchanges ", bytes, " bytes per ghost atom, its manifest declares ",
                                       max_bytes, "; the artifact is inconsistent, export it again"));
    const int code = callback(callbacks.host, rows, width, dtype);
    if (code != 0)
      stop(MLIP_ERROR_HOST,
           concat("the host's ", direction, " halo exchange failed (its callback returned ", code, ")"));
  }

  [[noreturn]] void stop(mlip_status status, const std::string& message) {
    failure = message;
    failure_status = status;
    throw Error(status, message);
  }
};

}  // namespace mlip
