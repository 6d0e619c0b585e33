// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/keyed_dropout.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

namespace precinct::kernels {
namespace {

constexpr std::int64_t kMask = 0xFFFFFFFF;

// x * c mod 2^32 on int64 tensors without overflow.
at::Tensor multiply_32(const at::Tensor& x, std::int64_t c) {
  const at::Tensor low = x.bitwise_and(0xFFFF) * c;
  const at::Tensor high =
      (x.bitwise_right_shift(16) * c).bitwise_and(0xFFFF).bitwise_left_shift(16);
  return (low + high).bitwise_and(kMask);
}

at::Tensor step(const at::Tensor& hash, const at::Tensor& word) {
  at::Tensor h = hash.bitwise_xor((multiply_32(word, 0x9E3779B9) + 0x7F4A7C15).bitwise_and(kMask));
  h = h.bitwise_xor(h.bitwise_right_shift(16));
  h = multiply_32(h, 0x85EBCA6B);
  h = h.bitwise_xor(h.bitwise_right_shift(13));
  h = multiply_32(h, 0xC2B2AE35);
  return h.bitwise_xor(h.bitwise_right_shift(16));
}

void check_arguments(at::IntArrayRef sizes, const at::Tensor& position, double p) {
  TORCH_CHECK(sizes.size() == 4, "keyed_dropout: x: expected [B, T, N, D], found ", sizes);
  TORCH_CHECK(
      position.dim() == 1 && position.size(0) == sizes[0] && position.scalar_type() == at::kLong,
      "keyed_dropout: position: expected [", sizes[0], "] int64, found ", position.sizes(), " ",
      position.scalar_type());
  TORCH_CHECK(p >= 0 && p < 1, "keyed_dropout: p: expected 0 <= p < 1, found ", p);
}

at::Tensor keyed_dropout_composite(const at::Tensor& x, const at::Tensor& position,
                                   std::int64_t key, double p, at::IntArrayRef offset) {
  check_arguments(x.sizes(), position, p);
  const at::Tensor factors = keyed_dropout_factors(
      x.sizes(), position, static_cast<std::uint64_t>(key), p, {offset[0], offset[1], offset[2]});
  return x * factors.to(x.scalar_type());
}

at::Tensor call(const at::Tensor& x, const at::Tensor& position, std::int64_t key, double p,
                at::IntArrayRef offset) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("precinct::keyed_dropout", "")
                       .typed<at::Tensor(const at::Tensor&, const at::Tensor&, std::int64_t, double,
                                         at::IntArrayRef)>();
  return op.call(x, position, key, p, offset);
}

class KeyedDropout : public torch::autograd::Function<KeyedDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& position, std::int64_t key, double p,
                            at::IntArrayRef offset) {
    context->save_for_backward({position});
    context->saved_data["key"] = key;
    context->saved_data["p"] = p;
    context->saved_data["offset"] = offset.vec();
    at::AutoDispatchBelowADInplaceOrView below;
    return call(x, position, key, p, offset);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grad_outputs) {
    const at::Tensor position = context->get_saved_variables()[0];
    const auto offset = context->saved_data["offset"].toIntVector();
    return {call(grad_outputs[0], position, context->saved_data["key"].toInt(),
                 context->saved_data["p"].toDouble(), offset),
            {},
            {},
            {},
            {}};
  }
};

at::Tensor keyed_dropout_autograd(const at::Tensor& x, const at::Tensor& position, std::int64_t key,
                                  double p, at::IntArrayRef offset) {
  return KeyedDropout::apply(x, position, key, p, offset);
}

}  // namespace

at::Tensor keyed_dropout(const at::Tensor& x, const at::Tensor& position, std::uint64_t key,
                         double p, DropoutOffset offset) {
  const std::array<std::int64_t, 3> offsets{offset.bin, offset.node, offset.unit};
  return call(x, position, static_cast<std::int64_t>(key), p, offsets);
}

at::Tensor keyed_dropout_factors(at::IntArrayRef sizes, const at::Tensor& position,
                                 std::uint64_t key, double p, DropoutOffset offset) {
  check_arguments(sizes, position, p);
  const auto options = position.options();
  const auto low = [](std::uint64_t v) { return static_cast<std::int64_t>(v & 0xFFFFFFFFU); };
  const auto range = [&](std::int64_t first, std::int64_t size) {
    return at::arange(first, first + size, options).bitwise_and(kMask);
  };
  at::Tensor h = step(at::full({}, low(key), options), position.bitwise_and(kMask));
  h = step(h.bitwise_xor(low(key >> 32)), position.bitwise_right_shift(32).bitwise_and(kMask));
  h = step(h.view({-1, 1}), range(offset.bin, sizes[1]));
  h = step(h.unsqueeze(-1), range(offset.node, sizes[2]));
  h = step(h.unsqueeze(-1), range(offset.unit, sizes[3]));
  const auto threshold = static_cast<std::int64_t>(std::ceil(p * 4294967296.0));
  return (h >= threshold).to(at::kDouble) / (1 - p);
}

TORCH_LIBRARY_FRAGMENT(precinct, m) {
  m.def("keyed_dropout(Tensor x, Tensor position, int key, float p, int[] offset) -> Tensor");
}
TORCH_LIBRARY_IMPL(precinct, CompositeExplicitAutograd, m) {
  m.impl("keyed_dropout", keyed_dropout_composite);
}
TORCH_LIBRARY_IMPL(precinct, Autograd, m) { m.impl("keyed_dropout", keyed_dropout_autograd); }

}  // namespace precinct::kernels
