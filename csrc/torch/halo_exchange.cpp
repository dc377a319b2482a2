// SPDX-License-Identifier: MIT
//
// torch.ops.mlip.halo_exchange(x [n_local, ...], n_all) -> [n_all, ...]: the features of all atoms of this process,
// ghosts included. With a host its callbacks copy owners' rows into ghosts, and on the way back add the gradients of
// ghosts to their owners' rows. Without a host it is the identity, differentiable any number of times.
#include "torch/halo_exchange.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <limits>

#include "torch/edge_moments.h"

namespace mlip {
namespace {

thread_local HaloHost* current_host = nullptr;

/// Values per row; taken from the shape, because a process without atoms must name the same width as all others.
int row_width(const at::Tensor& x) {
  int64_t width = 1;
  for (int64_t k = 1; k < x.dim(); ++k) width *= x.size(k);
  TORCH_CHECK(width <= std::numeric_limits<int>::max(), "mlip::halo_exchange: ", width,
              " values per atom are too many");
  return static_cast<int>(width);
}

mlip_dtype row_dtype(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble,
              "mlip::halo_exchange takes float32 or float64 features, not ", x.scalar_type());
  return x.scalar_type() == at::kFloat ? MLIP_FLOAT32 : MLIP_FLOAT64;
}

at::Tensor to_all(const at::Tensor& x, int64_t n_all, HaloHost& host) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape[0] = n_all;
  // Ghost rows start as zeros: a host that fills only a part of them gets no garbage into the model.
  at::Tensor rows = at::zeros(shape, x.options().device(at::kCPU));
  rows.narrow(0, 0, x.size(0)).copy_(x);
  host.forward(rows.data_ptr(), row_width(rows), row_dtype(rows));
  return rows.to(x.device());
}

at::Tensor to_local(const at::Tensor& gradient, int64_t n_local, HaloHost& host) {
  // The host adds into these rows, so they must be a copy. Ghost rows are dropped with it.
  at::Tensor rows = at::empty(gradient.sizes(), gradient.options().device(at::kCPU));
  rows.copy_(gradient);
  host.reverse(rows.data_ptr(), row_width(rows), row_dtype(rows));
  return rows.narrow(0, 0, n_local).to(gradient.device());
}

struct HaloExchange : torch::autograd::Function<HaloExchange> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t n_all) {
    HaloHost* host = current_host;
    context->saved_data["host"] = static_cast<int64_t>(reinterpret_cast<intptr_t>(host));
    context->saved_data["n_local"] = x.size(0);
    return to_all(x, n_all, *host);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!(at::GradMode::is_enabled() && gradients[0].requires_grad()),
                "mlip::halo_exchange with a host can be differentiated once only");
    auto* host = reinterpret_cast<HaloHost*>(static_cast<intptr_t>(context->saved_data["host"].toInt()));
    const int64_t n_local = context->saved_data["n_local"].toInt();
    return {to_local(gradients[0], n_local, *host), at::Tensor()};
  }
};

at::Tensor halo_exchange(const at::Tensor& x, int64_t n_all) {
  TORCH_CHECK(x.dim() >= 1, "mlip::halo_exchange takes one row per atom, not a scalar");
  TORCH_CHECK(n_all >= x.size(0), "mlip::halo_exchange: n_all = ", n_all, " is less than the ", x.size(0),
              " local atoms given");
  if (CrossingRecord* record = CrossingRecord::current()) record->count_exchange();
  if (current_host != nullptr) return HaloExchange::apply(x, n_all);
  TORCH_CHECK(n_all == x.size(0), "mlip::halo_exchange: there are ", n_all - x.size(0),
              " ghost atoms but no host that could fill them; set the halo callbacks (mlip_set_halo)");
  return x.clone();
}

}  // namespace

HaloScope::HaloScope(HaloHost* host) : previous_(current_host) {
  current_host = host;
}
HaloScope::~HaloScope() {
  current_host = previous_;
}

}  // namespace mlip

TORCH_LIBRARY(mlip, library) {
  library.def("halo_exchange(Tensor x, int n_all) -> Tensor");
  library.impl("halo_exchange",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::halo_exchange)));
}
