// SPDX-License-Identifier: MIT
//
// Threads for loops over atoms and edges. They are those of the tensor library, lent by the backend: a second pool
// would fight with the first one for the cores.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace mlip {

/// One thread, the caller's; backends have more.
class ThreadTeam {
 public:
  virtual ~ThreadTeam() = default;
  virtual int size() const { return 1; }
  /// Calls work(0) .. work(parts - 1), each once, in any order and on any thread; work does not throw.
  virtual void run(int parts, const std::function<void(int)>& work) {
    for (int part = 0; part < parts; ++part) work(part);
  }

  /// Into how many parts to split `n` items, so that each is worth waking a thread.
  int parts(int64_t n, int64_t least) const { return static_cast<int>(std::clamp<int64_t>(n / least, 1, size())); }
};

}  // namespace mlip
