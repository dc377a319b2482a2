// SPDX-License-Identifier: MIT
//
// Settings of this thread for the time of one evaluation. Nothing here is process-wide: other users of torch in the
// same process keep their settings.
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/AutogradState.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/python/update_graph_executor_opt.h>

#include "torch/pooled_memory.h"

namespace mlip {

/// The profiling executor of TorchScript re-optimises during the first calls (seconds for a large model) and again for
/// new shapes, which in MD come with every step: run the graph as it is.
class NoGraphOptimisation {
 public:
  NoGraphOptimisation() : previous_(torch::jit::getGraphExecutorOptimize()) {
    torch::jit::setGraphExecutorOptimize(false);
  }
  ~NoGraphOptimisation() { torch::jit::setGraphExecutorOptimize(previous_); }

 private:
  bool previous_;
};

/// Backward passes stay on the calling thread: halo callbacks call MPI, which belongs to it.
class SingleThreadedAutograd {
 public:
  SingleThreadedAutograd() : previous_(c10::AutogradState::get_tls_state().get_multithreading_enabled()) {
    c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
  }
  ~SingleThreadedAutograd() { c10::AutogradState::get_tls_state().set_multithreading_enabled(previous_); }

 private:
  bool previous_;
};

/// All that an evaluation needs, whatever state the caller's thread is in.
struct EvaluationScope {
  /// Without gradients nothing is kept for a backward pass.
  explicit EvaluationScope(bool with_gradients) : gradients(with_gradients) {}

  c10::InferenceMode no_inference{false};
  c10::AutoGradMode gradients;
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
  SingleThreadedAutograd one_thread;
  PooledMemory large_arrays;
  NoGraphOptimisation as_it_is;
};

}  // namespace mlip
