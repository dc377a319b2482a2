// SPDX-License-Identifier: MIT
//
// How far torch's memory reaches at most on this thread, beyond what it held before: the arrays that are there at once,
// and the holes between them.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <limits>
#include <memory>
#include <unordered_map>

#include "torch/address_space.h"

namespace mlip {

class MemoryMeter {
 public:
  explicit MemoryMeter(at::Device device) : MemoryMeter(std::make_shared<Account>(device)) {}
  int64_t peak() const { return static_cast<int64_t>(account_->space.extent()); }

 private:
  /// torch tells it of every allocation (bytes > 0) and release (bytes < 0).
  struct Account final : c10::MemoryReportingInfoBase {
    explicit Account(at::Device on) : device(on) {}
    void reportMemoryUsage(void* block, int64_t bytes, size_t, size_t, c10::Device where) override {
      if (where.type() != device.type()) return;
      if (bytes > 0) {
        offsets[block] = *space.take(static_cast<size_t>(bytes));
      } else if (const auto found = offsets.find(block); found != offsets.end()) {
        space.release(found->second);
        offsets.erase(found);
      }
    }
    bool memoryProfilingEnabled() const override { return true; }

    at::Device device;
    AddressSpace space{std::numeric_limits<size_t>::max()};
    std::unordered_map<void*, size_t> offsets;
  };

  explicit MemoryMeter(std::shared_ptr<Account> account)
      : account_(account), guard_(c10::DebugInfoKind::PROFILER_STATE, account) {}

  std::shared_ptr<Account> account_;
  c10::DebugInfoGuard guard_;
};

}  // namespace mlip
