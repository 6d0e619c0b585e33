// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/count_nll.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

namespace precinct::kernels {
namespace {

using OptionalTensor = std::optional<at::Tensor>;
using Triple = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

// Value and gradients in one pass; gradients are undefined unless asked for.
Triple with_grad(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                 const at::Tensor& target, const OptionalTensor& observed, bool want_grad) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("precinct::count_nll_with_grad", "")
                       .typed<Triple(const at::Tensor&, const OptionalTensor&, const at::Tensor&,
                                     const OptionalTensor&, bool)>();
  return op.call(log_mean, log_dispersion, target, observed, want_grad);
}

void check_arguments(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                     const at::Tensor& target, const OptionalTensor& observed) {
  TORCH_CHECK(log_mean.sizes() == target.sizes(),
              "count_nll: log_mean: expected the target's shape ", target.sizes(), ", found ",
              log_mean.sizes());
  TORCH_CHECK(!log_dispersion || log_dispersion->sizes() == target.sizes(),
              "count_nll: log_dispersion: expected the target's shape ", target.sizes(), ", found ",
              log_dispersion->sizes());
  TORCH_CHECK(!observed || observed->sizes() == target.sizes().slice(0, target.dim() - 1),
              "count_nll: observed: expected the target's shape without its last dimension, found ",
              observed->sizes(), " for target ", target.sizes());
}

// Any device, ATen operators, double inside: what backends without a kernel of their own run.
Triple count_nll_composite(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                           const at::Tensor& target, const OptionalTensor& observed,
                           bool want_grad) {
  check_arguments(log_mean, log_dispersion, target, observed);
  const auto type = log_mean.scalar_type();
  const at::Tensor y = target.to(at::kDouble), m = log_mean.to(at::kDouble), mean = m.exp();
  OptionalTensor s;
  if (log_dispersion) s = log_dispersion->to(at::kDouble);
  const at::Tensor value = count_nll_reference(m, s, y, observed).to(type);
  if (!want_grad) return {value, {}, {}};
  at::Tensor grad_mean = mean - y, grad_dispersion;
  if (s) {
    const double low = std::log(kMinDispersion), high = std::log(kMaxDispersion);
    const at::Tensor alpha = s->clamp(low, high).exp(), r = alpha.reciprocal(), x = alpha * mean;
    grad_mean = grad_mean / (1 + x);
    grad_dispersion =
        r * (at::digamma(y + r) - at::digamma(r)) - y - r * at::log1p(x) + (y + r) * x / (1 + x);
    grad_dispersion =
        at::where((*s >= low).logical_and(*s <= high), grad_dispersion, at::zeros({}, y.options()));
  }
  const auto finish = [&](const at::Tensor& grad) {
    if (!grad.defined()) return grad;
    if (!observed) return grad.to(type);
    return at::where(observed->unsqueeze(-1) > 0, grad, at::zeros({}, y.options())).to(type);
  };
  return {value, finish(grad_mean), finish(grad_dispersion)};
}

class CountNll : public torch::autograd::Function<CountNll> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& log_mean,
                            const OptionalTensor& log_dispersion, const at::Tensor& target,
                            const OptionalTensor& observed, bool want_grad) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [value, grad_mean, grad_dispersion] =
        with_grad(log_mean, log_dispersion, target, observed, want_grad);
    if (want_grad) context->save_for_backward({grad_mean, grad_dispersion});
    return value;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "precinct::count_nll: double backward is not available");
    const auto saved = context->get_saved_variables();
    const at::Tensor& upstream = grad_outputs[0];
    at::Tensor grad_dispersion;
    if (saved[1].defined()) grad_dispersion = saved[1] * upstream;
    return {saved[0] * upstream, grad_dispersion, {}, {}, {}};
  }
};

at::Tensor count_nll_autograd(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                              const at::Tensor& target, const OptionalTensor& observed) {
  const bool want_grad =
      at::GradMode::is_enabled() &&
      (log_mean.requires_grad() || (log_dispersion && log_dispersion->requires_grad()));
  return CountNll::apply(log_mean, log_dispersion, target, observed, want_grad);
}

at::Tensor count_nll_plain(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                           const at::Tensor& target, const OptionalTensor& observed) {
  return std::get<0>(with_grad(log_mean, log_dispersion, target, observed, false));
}

at::Tensor count_nll_autocast(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                              const at::Tensor& target, const OptionalTensor& observed) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(
      c10::DispatchKeySet({c10::DispatchKey::AutocastCPU, c10::DispatchKey::AutocastCUDA}));
  const auto widen = [](const at::Tensor& x) {
    return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  };
  OptionalTensor dispersion;
  if (log_dispersion) dispersion = widen(*log_dispersion);
  return count_nll(widen(log_mean), dispersion, widen(target), observed);
}

}  // namespace

at::Tensor count_nll(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                     const at::Tensor& target, const OptionalTensor& observed) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("precinct::count_nll", "")
                       .typed<at::Tensor(const at::Tensor&, const OptionalTensor&,
                                         const at::Tensor&, const OptionalTensor&)>();
  return op.call(log_mean, log_dispersion, target, observed);
}

at::Tensor count_nll_reference(const at::Tensor& log_mean, const OptionalTensor& log_dispersion,
                               const at::Tensor& target, const OptionalTensor& observed) {
  const at::Tensor& y = target;
  const at::Tensor mean = log_mean.exp();
  // y log mu is 0 for y = 0 whatever the mean
  const at::Tensor y_log_mean = at::where(y > 0, y * log_mean, at::zeros({}, y.options()));
  at::Tensor log_p;
  if (!log_dispersion) {
    log_p = y_log_mean - mean - at::lgamma(y + 1);
  } else {
    const at::Tensor alpha =
        log_dispersion->clamp(std::log(kMinDispersion), std::log(kMaxDispersion)).exp();
    const at::Tensor r = alpha.reciprocal();
    log_p = at::lgamma(y + r) - at::lgamma(r) + y * alpha.log() + y_log_mean -
            (y + r) * at::log1p(alpha * mean) - at::lgamma(y + 1);
  }
  if (observed) log_p = at::where(observed->unsqueeze(-1) > 0, log_p, at::zeros({}, y.options()));
  return -log_p.sum();
}

TORCH_LIBRARY_FRAGMENT(precinct, m) {
  m.def(
      "count_nll(Tensor log_mean, Tensor? log_dispersion, Tensor target, Tensor? observed) -> "
      "Tensor");
  m.def(
      "count_nll_with_grad(Tensor log_mean, Tensor? log_dispersion, Tensor target, Tensor? "
      "observed, "
      "bool want_grad) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(precinct, CompositeExplicitAutograd, m) {
  m.impl("count_nll", count_nll_plain);
  m.impl("count_nll_with_grad", count_nll_composite);
}
TORCH_LIBRARY_IMPL(precinct, Autograd, m) { m.impl("count_nll", count_nll_autograd); }
TORCH_LIBRARY_IMPL(precinct, AutocastCPU, m) { m.impl("count_nll", count_nll_autocast); }
TORCH_LIBRARY_IMPL(precinct, AutocastCUDA, m) { m.impl("count_nll", count_nll_autocast); }

}  // namespace precinct::kernels
