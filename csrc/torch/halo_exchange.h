// SPDX-License-Identifier: MIT
#pragma once

#include "core/halo_host.h"

namespace mlip {

/// While it lives, torch.ops.mlip.halo_exchange of this thread talks to `host` (null: to nobody). The backward pass
/// uses the host of its forward pass.
class HaloScope {
 public:
  explicit HaloScope(HaloHost* host);
  ~HaloScope();
  HaloScope(const HaloScope&) = delete;
  HaloScope& operator=(const HaloScope&) = delete;

 private:
  HaloHost* previous_;
};

}  // namespace mlip
