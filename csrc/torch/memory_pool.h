// SPDX-License-Identifier: MIT
//
// Memory for the large arrays of an evaluation, which come and go in every step and are never all there at once.
// Given back to the system each time, they come again as fresh pages, which cost as much as the arithmetic on virtual
// machines; kept in the C library's heap, small blocks that outlive them split the holes that they leave, until the
// heap is twice as large as what is ever in use.
#pragma once

#include <cstddef>
#include <mutex>

#include "torch/address_space.h"

namespace mlip {

/// One range of addresses as large as the machine's memory, of which the system provides what is used.
class MemoryPool {
 public:
  MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  /// Aligned to a page; null: the range has no such hole, or the system gave none.
  void* allocate(size_t bytes);
  /// Whether the block was one of the pool, which it then no longer is.
  bool release(void* block);
  /// Gives all memory back to the system, if no block is in use.
  void trim();

  /// Around a fork of the process, so that the child finds it whole.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

  /// Bytes of the blocks in use, and of the range below the highest address used since the last trim.
  size_t in_use() const;
  size_t extent() const;

 private:
  char* range_ = nullptr;
  size_t size_ = 0;
  AddressSpace space_{0};
  mutable std::mutex mutex_;
};

}  // namespace mlip
