// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// What a GPU would run, tested without one: the forms of our operators that a CUDA tensor reaches,
// run on CPU tensors, and training steps whose tensors pretend to lie on a device.
#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/library.h>

#include <map>
#include <set>

#include "kernels/gat_attention.h"
#include "models/layers/attention_graph.h"
#include "tests/support/made_batch.h"
#include "tests/support/network_steps.h"

namespace precinct {
namespace {

constexpr const char* kOperators[] = {"count_nll_with_grad", "gat_attention",
                                      "gat_attention_backward", "keyed_dropout"};

int num_redirected = 0;

void to_cuda_form(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  ++num_redirected;
  op.callBoxedForDispatchKey(c10::DispatchKey::CompositeExplicitAutograd, *stack);
}

/// While it lives, CPU tensors run what CUDA tensors run: the forms made of LibTorch's operators.
class CudaForms {
 public:
  CudaForms() {
    num_redirected = 0;
    for (const char* name : kOperators)
      library_.impl(name, torch::CppFunction::makeFromBoxedFunction<&to_cuda_form>());
  }

 private:
  torch::Library library_{torch::Library::IMPL, "precinct", c10::DispatchKey::CPU, __FILE__,
                          __LINE__};
};

class Networks : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(CudaForms, Networks, testing::Values("dnn", "crimenet", "gat_tcn"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Networks, TwentyStepsWithTheFormsForCudaEqualTheCpuKernels) {
  const auto config = test::config_of_steps(GetParam());
  const auto panel = test::small_panel_with_gaps();
  const auto expected = test::SmallLearner(config, panel, torch::kCPU).run(20);
  test::NetworkSteps found;
  {
    const CudaForms forms;
    found = test::SmallLearner(config, panel, torch::kCPU).run(20);
  }
  EXPECT_GT(num_redirected, 60) << "the other forms were not run";
  const auto worst = test::difference(expected, found);
  RecordProperty("loss_weight_mean",
                 fmt::format("{:.1e} {:.1e} {:.1e}", worst.loss, worst.weight, worst.mean));
  EXPECT_LT(worst.loss, 1e-4);
  EXPECT_LT(worst.mean, 1e-4);
  EXPECT_LT(worst.weight, 1e-4);
  EXPECT_NE(expected.losses.front(), expected.losses.back()) << "nothing was learnt";
}

/// While it lives, notes where each tensor of this thread would lie if `.to(device)` and factories
/// with a stated device meant a GPU: a tensor made from such tensors lies there too, all others lie
/// on the host. Tensors stay alive as long as this does.
class PretendedDevice {
 public:
  PretendedDevice() {
    state() = {};
    library_.fallback(torch::CppFunction::makeFromBoxedFunction<&look>());
  }
  ~PretendedDevice() { state() = {}; }

  /// Operators that were given tensors of both; numbers without dimensions may be anywhere.
  static std::set<std::string>& mixed() { return state().mixed; }
  /// Operators that wait for the device.
  static std::set<std::string>& waits() { return state().waits; }
  static bool on_device(const at::Tensor& x) {
    const auto found = state().places.find(x.storage().unsafeGetStorageImpl());
    return found != state().places.end() && found->second;
  }

 private:
  static constexpr auto kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;
  struct State {
    std::map<const c10::StorageImpl*, bool> places;
    std::vector<c10::Storage> kept;
    std::set<std::string> mixed, waits;
  };
  static State& state() {
    static State value;
    return value;
  }

  template <typename Values>
  static std::vector<at::Tensor> tensors_of(const Values& values) {
    std::vector<at::Tensor> tensors;
    for (const auto& value : values) {
      if (value.isTensor()) tensors.push_back(value.toTensor());
      if (value.isTensorList())
        for (const at::Tensor& x : value.toTensorVector()) tensors.push_back(x);
    }
    std::erase_if(tensors, [](const at::Tensor& x) { return !x.defined() || !x.has_storage(); });
    return tensors;
  }

  static bool is_seen(const at::Tensor& x) {
    return state().places.contains(x.storage().unsafeGetStorageImpl());
  }

  static void put(const at::Tensor& x, bool there) {
    const auto [place, is_new] =
        state().places.try_emplace(x.storage().unsafeGetStorageImpl(), there);
    place->second = place->second || there;
    if (is_new) state().kept.push_back(x.storage());
  }

  static void look(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                   torch::jit::Stack* stack) {
    static const std::set<std::string> copies = {"aten::copy_", "aten::to", "aten::_to_copy"};
    static const std::set<std::string> waiting = {"aten::_local_scalar_dense", "aten::nonzero",
                                                  "aten::equal", "aten::masked_select"};
    const std::string& name = op.operator_name().name;
    const auto& arguments = op.schema().arguments();
    const auto inputs = torch::jit::last(*stack, arguments.size());
    bool is_stated = false, any_there = false, any_seen = false, large_there = false,
         large_here = false;
    for (std::size_t i = 0; i < arguments.size(); ++i)
      is_stated = is_stated || (arguments[i].name() == "device" && !inputs[i].isNone());
    const auto tensors = tensors_of(inputs);
    for (const at::Tensor& x : tensors) {
      any_there = any_there || on_device(x);
      any_seen = any_seen || is_seen(x);
      if (x.dim() > 0 && is_seen(x)) (on_device(x) ? large_there : large_here) = true;
    }
    if (large_there && large_here && !copies.contains(name)) mixed().insert(name);
    if (any_there && waiting.contains(name)) waits().insert(name);
    static int depth = 0;  // LibTorch's operators in which this one runs
    const bool is_inner = depth > 0, is_ours = name.starts_with("precinct::");
    std::optional<c10::impl::ExcludeDispatchKeyGuard> inside;
    if (name == "aten::_fused_adamw_") inside.emplace(kKey);  // the CPU's form reads found_inf
    depth += is_ours ? 0 : 1;
    op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey), stack);
    depth -= is_ours ? 0 : 1;
    // A new tensor is on the host unless the device is stated. What an operator makes inside, and
    // what is made of tensors that were never seen, may be anywhere; a copy moves no tensor.
    if (name == "aten::copy_" || (tensors.empty() ? is_inner : !any_seen && !is_stated)) return;
    const bool there = any_there || is_stated;
    for (const at::Tensor& x : tensors_of(torch::jit::last(*stack, op.schema().returns().size())))
      put(x, there);
  }

  torch::Library library_{torch::Library::IMPL, "_", kKey, __FILE__, __LINE__};
  c10::impl::IncludeDispatchKeyGuard in_use_{kKey};
};

TEST(PretendedDevice, FindsTensorsLeftOnTheHostAndWaiting) {
  const PretendedDevice watch;
  const torch::Tensor there = torch::ones({3}).to(torch::kCPU) * 2,
                      beside = torch::zeros({3}, there.options()), here = torch::zeros({3});
  EXPECT_TRUE(PretendedDevice::on_device(there));
  EXPECT_TRUE(PretendedDevice::on_device(beside));
  EXPECT_FALSE(PretendedDevice::on_device(here));
  static_cast<void>(there + beside);
  static_cast<void>(there + torch::tensor(2.0));
  EXPECT_THAT(PretendedDevice::mixed(), testing::IsEmpty());
  static_cast<void>(there + here);
  static_cast<void>(there.index_select(0, torch::full({1}, 1, torch::kInt64)));
  EXPECT_THAT(PretendedDevice::mixed(), testing::ElementsAre("aten::add", "aten::index_select"));
  EXPECT_THAT(PretendedDevice::waits(), testing::IsEmpty());
  static_cast<void>(there.sum().item<float>());
  EXPECT_THAT(PretendedDevice::waits(), testing::ElementsAre("aten::_local_scalar_dense"));
}

TEST_P(Networks, TrainOnADeviceWithoutWaitingForItOrMixingItWithTheHost) {
  for (const char* optimizer : {"adamw", "sgd"}) {
    auto config = test::config_of_steps(GetParam());
    config.train.optimizer.name = optimizer;
    config.train.ema_decay = 0.9;
    const auto panel = test::small_panel_with_gaps();
    const CudaForms forms;
    const PretendedDevice watch;
    test::SmallLearner small(config, panel, torch::kCPU);
    for (const auto& [name, tensor] : models::named_tensors(small.learner().model()))
      EXPECT_TRUE(PretendedDevice::on_device(tensor)) << name;
    for (int step = 0; step < 2; ++step) {
      const auto batches = small.batches(step * 8);
      EXPECT_TRUE(PretendedDevice::on_device(batches.micro_batches[0].counts));
      small.learner().train_step(batches, step);
    }
    EXPECT_THAT(PretendedDevice::mixed(), testing::IsEmpty());
    EXPECT_THAT(PretendedDevice::waits(), testing::IsEmpty());
    EXPECT_GT(num_redirected, 10);
  }
}

TEST(ResidentSeries, OnTheHostGivesTheSameBatchesForAnotherDevice) {
  const auto panel = test::small_panel_with_gaps();
  const auto config = test::config_of_steps("dnn");
  const auto series_of = [&](const char* mode) {
    auto changed = config;
    changed.data.mode = mode;
    return test::SmallLearner(changed, panel, torch::kCPU).batches(0).micro_batches.at(0);
  };
  const auto a = series_of("resident_host"), b = series_of("auto");
  EXPECT_TRUE(torch::equal(a.counts, b.counts));
  EXPECT_TRUE(torch::equal(a.target, b.target));
}

class AttentionForm : public testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(CudaForms, AttentionForm,
                         testing::Values(torch::kFloat32, torch::kFloat64),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

// Weighted edges, both outputs of the written-out backward pass.
TEST_P(AttentionForm, ForwardAndBackwardEqualTheCpuKernel) {
  const double tolerance = GetParam() == torch::kFloat64 ? 1e-12 : 1e-5;
  test::MadeSizes sizes;
  sizes.has_weights = true;
  const auto context = test::made_context(sizes);
  const auto graph =
      models::AttentionGraph::build(context.edge_index, context.edge_weight, sizes.nodes);
  const kernels::AttentionEdges edges{graph.sources, graph.targets, graph.first_edge};
  constexpr std::int64_t kHeads = 2, kWidth = 5;
  auto generator = test::made_generator(3);
  const auto options = torch::TensorOptions().dtype(GetParam());
  const auto packed = torch::randn({7, sizes.nodes, kHeads * (kWidth + 2)}, generator, options),
             edge = torch::randn({graph.sources.size(0), kHeads}, generator, options),
             upstream = torch::randn({7, sizes.nodes, kHeads * kWidth}, generator, options);
  const auto results = [&] {
    const auto p = packed.clone().requires_grad_(), e = edge.clone().requires_grad_();
    const auto y = kernels::gat_attention(p, e, edges, kHeads);
    const auto grads = torch::autograd::grad({y}, {p, e}, {upstream});
    return std::vector<torch::Tensor>{y.detach(), grads[0], grads[1]};
  };
  const auto expected = results();
  const CudaForms forms;
  const auto found = results();
  EXPECT_EQ(num_redirected, 2);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_LT((expected[i] - found[i]).abs().max().item<double>(), tolerance) << i;
}

// In bf16 a softmax over many edges would lose its small shares.
TEST(Autocast, AttentionRunsInFloat32) {
  test::MadeSizes sizes;
  sizes.has_weights = true;
  const auto context = test::made_context(sizes);
  const auto graph =
      models::AttentionGraph::build(context.edge_index, context.edge_weight, sizes.nodes);
  const kernels::AttentionEdges edges{graph.sources, graph.targets, graph.first_edge};
  auto generator = test::made_generator(5);
  const auto packed = torch::randn({2, sizes.nodes, 12}, generator).to(torch::kBFloat16),
             edge = torch::randn({graph.sources.size(0), 2}, generator);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto found = kernels::gat_attention(packed, edge, edges, 2);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(found.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(
      torch::equal(found, kernels::gat_attention(packed.to(torch::kFloat32), edge, edges, 2)));
}

}  // namespace
}  // namespace precinct
