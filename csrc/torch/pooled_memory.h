// SPDX-License-Identifier: MIT
//
// torch's arrays on the processor out of the pool, where it is wanted: for the time of an evaluation in its thread, or
// in the whole process (training).
#pragma once

#include "torch/memory_pool.h"

namespace mlip {

/// Large arrays that torch allocates in this thread come from the pool as long as this lives.
class PooledMemory {
 public:
  PooledMemory();
  ~PooledMemory();
  PooledMemory(const PooledMemory&) = delete;
  PooledMemory& operator=(const PooledMemory&) = delete;

 private:
  bool before_;
};

MemoryPool& memory_pool();

}  // namespace mlip
