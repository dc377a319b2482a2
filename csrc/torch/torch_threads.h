// SPDX-License-Identifier: MIT
//
// torch's own threads as a ThreadTeam.
#pragma once

#include "core/thread_team.h"
#include "torch/parallel.h"

namespace mlip {

class TorchThreads final : public ThreadTeam {
 public:
  /// How many to use; 0: as many as torch is set to.
  void use(int threads) { threads_ = threads; }

  /// torch's setting belongs to the calling thread and hosts change it: to be called before each evaluation.
  void settle() const {
    if (threads_ > 0 && at::get_num_threads() != threads_) at::set_num_threads(threads_);
  }

  int size() const override { return threads_ > 0 ? threads_ : at::get_num_threads(); }

  void run(int parts, const std::function<void(int)>& work) override {
    if (parts == 1) return work(0);
    settle();
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) work(static_cast<int>(part));
    });
  }

 private:
  int threads_ = 0;
};

}  // namespace mlip
