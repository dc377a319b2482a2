// SPDX-License-Identifier: MIT
//
// The most memory that torch held at once on this thread, beyond what it held before.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <memory>

namespace mlip {

class MemoryMeter {
 public:
  explicit MemoryMeter(at::Device device) : MemoryMeter(std::make_shared<Account>(device)) {}
  int64_t peak() const { return account_->peak; }

 private:
  /// torch tells it of every allocation (bytes > 0) and release (bytes < 0).
  struct Account final : c10::MemoryReportingInfoBase {
    explicit Account(at::Device on) : device(on) {}
    void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device where) override {
      if (where.type() != device.type()) return;
      now += bytes;
      peak = std::max(peak, now);
    }
    bool memoryProfilingEnabled() const override { return true; }

    at::Device device;
    int64_t now = 0, peak = 0;
  };

  explicit MemoryMeter(std::shared_ptr<Account> account)
      : account_(account), guard_(c10::DebugInfoKind::PROFILER_STATE, account) {}

  std::shared_ptr<Account> account_;
  c10::DebugInfoGuard guard_;
};

}  // namespace mlip
