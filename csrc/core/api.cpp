// SPDX-License-Identifier: MIT
//
// The model part of mlip.h: checks pointers, forwards to the classes behind, turns exceptions into statuses.
#include "core/error.h"
#include "mlip/mlip.h"

int mlip_interface_version(void) {
  return MLIP_INTERFACE_VERSION;
}

const char* mlip_version(void) {
  return MLIP_VERSION;
}

const char* mlip_last_error(void) {
  return mlip::last_error();
}
