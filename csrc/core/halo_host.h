// SPDX-License-Identifier: MIT
//
// The host's side of a halo exchange during one evaluation. Header only: libmlip fills it, libmlip_torch calls it.
#pragma once

#include <string>

#include "core/error.h"
#include "mlip/mlip.h"

namespace mlip {

/// Callbacks of the host and what became of them. An exception that crosses a TorchScript interpreter loses its type,
/// so the failure is also kept here.
struct HaloHost {
  mlip_halo callbacks{};
  int max_width = 0;    // values per ghost that the manifest declares: hosts size their buffers by it
  std::string failure;  // empty while all is well

  void forward(void* rows, int width, mlip_dtype dtype) { call(callbacks.forward, "forward", rows, width, dtype); }
  void reverse(void* rows, int width, mlip_dtype dtype) { call(callbacks.reverse, "reverse", rows, width, dtype); }

 private:
  using Callback = int (*)(void*, void*, int, mlip_dtype);
  void call(Callback callback, const char* direction, void* rows, int width, mlip_dtype dtype) {
    if (width > max_width) {
      failure = concat("the model exchanges ", width, " values per ghost atom, its manifest declares ", max_width,
                       "; the artifact is inconsistent, export it again");
      throw Error(MLIP_ERROR_ARTIFACT, failure);
    }
    const int code = callback(callbacks.host, rows, width, dtype);
    if (code == 0) return;
    failure = concat("the host's ", direction, " halo exchange failed (callback returned ", code, ")");
    throw Error(MLIP_ERROR_HOST, failure);
  }
};

}  // namespace mlip
