// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stage_costs.h"

#include <ATen/record_function.h>

#include <memory>
#include <string_view>

namespace precinct::train {
namespace {

// forward and backward on one core of a machine of today; only their ratios matter
constexpr double kSecondsPerOperator = 3e-6;
constexpr double kSecondsPerProduct = 1.0 / 14e9;  // multiply and add
constexpr double kSecondsPerByte = 1.0 / 12e9;
constexpr double kProductsPerShare = 300;  // of a softmax share: two exponents, one edge at a time
constexpr double kProductsPerTanh = 25;
constexpr double kSecondsPerTarget = 5e-8;  // the loss of a cell, with its logarithms of gammas

/// An operator that has started.
struct Running {
  bool calls_others = false;
  double products_per_output = 0;
  double whole_products = 0;  // of one that is counted whatever it calls
};

/// Sum over the operators that run on this thread and call no others.
thread_local double seconds = 0;
thread_local std::vector<Running> running;

/// Products of operators that are counted as a whole, whatever they call; 0 for others.
double whole_products(std::string_view name, c10::ArrayRef<const c10::IValue> inputs) {
  if (name == "precinct::gat_attention") {  // packed [G, N, K W + 2 K], ..., edges [E], ..., K
    const auto packed = inputs[0].toTensor().sizes();
    const auto edges = static_cast<double>(inputs[2].toTensor().numel()),
               heads = static_cast<double>(inputs.back().toInt()),
               width = static_cast<double>(packed[2]) - 2 * heads;
    return static_cast<double>(packed[0]) * edges * (width + heads * kProductsPerShare);
  }
  if (name == "aten::mkldnn_rnn_layer") {  // input [T, B, D], weights [4 H, D] and [4 H, H]
    const auto weights = inputs[1].toTensor().numel() + inputs[2].toTensor().numel();
    const auto& input = inputs[0].toTensor();
    return static_cast<double>(weights) * static_cast<double>(input.numel() / input.size(-1));
  }
  return 0;
}

/// What is multiplied and added up for one number of the output.
double products_per_output(std::string_view name, c10::ArrayRef<const c10::IValue> inputs) {
  const auto sizes = [&](std::size_t i) {
    return i < inputs.size() && inputs[i].isTensor() && inputs[i].toTensor().defined()
               ? inputs[i].toTensor().sizes()
               : at::IntArrayRef();
  };
  const auto inner = [](at::IntArrayRef left) {
    return left.empty() ? 0 : static_cast<double>(left.back());
  };
  if (name == "aten::mm" || name == "aten::bmm" || name == "aten::mv") return inner(sizes(0));
  if (name == "aten::addmm" || name == "aten::baddbmm") return inner(sizes(1));
  if (name == "aten::tanh") return kProductsPerTanh;
  if (name.find("conv") == std::string_view::npos) return 0;
  double products = 1;  // weight [out, in / groups, k...]
  const auto weight = sizes(1);
  for (std::size_t i = 1; i < weight.size(); ++i) products *= static_cast<double>(weight[i]);
  return products;
}

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& call) {
  const double whole = whole_products(call.name(), call.inputs());
  if (!running.empty()) {
    running.back().calls_others = true;
    if (whole > 0) running.back().whole_products = 0;  // the one inside is its form on the device
  }
  running.push_back({false, products_per_output(call.name(), call.inputs()), whole});
  return nullptr;
}

void on_end(const at::RecordFunction& call, at::ObserverContext*) {
  if (running.empty()) return;
  const Running own = running.back();
  running.pop_back();
  if (own.calls_others && own.whole_products == 0) return;
  double numbers = 0, bytes = 0;
  for (const auto& output : call.outputs()) {
    if (!output.isTensor() || !output.toTensor().defined()) continue;
    numbers += static_cast<double>(output.toTensor().numel());
    bytes += static_cast<double>(output.toTensor().nbytes());
  }
  seconds += kSecondsPerOperator + kSecondsPerByte * bytes +
             kSecondsPerProduct * (numbers * own.products_per_output + own.whole_products);
}

/// Counts while it lives.
class Counting {
 public:
  Counting()
      : handle_(at::addThreadLocalCallback(at::RecordFunctionCallback(on_start, on_end)
                                               .needsInputs(true)
                                               .needsOutputs(true)
                                               .scopes({at::RecordScope::FUNCTION}))) {
    seconds = 0;
    running.clear();
  }
  ~Counting() { at::removeCallback(handle_); }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

 private:
  at::CallbackHandle handle_;
};

/// `real`: type and device of the network's numbers.
data::Batch made_batch(const models::ModelContext& c, std::int64_t windows,
                       const torch::TensorOptions& real) {
  const auto i64 = real.dtype(torch::kInt64);
  data::Batch batch;
  batch.counts = torch::zeros({windows, c.lookback, c.num_nodes, c.num_categories}, real);
  if (c.has_mask) batch.observed = torch::ones({windows, c.lookback, c.num_nodes}, real);
  batch.calendar = torch::zeros({windows, c.lookback + c.horizon, c.num_calendar}, real);
  batch.day_slot = torch::zeros({windows, c.lookback + c.horizon}, i64);
  batch.weekday = torch::zeros({windows, c.lookback + c.horizon}, i64);
  batch.x_origin = torch::zeros({windows, c.num_nodes, c.num_origin_features}, real);
  if (c.has_anchor)
    batch.log_anchor = torch::zeros({windows, c.horizon, c.num_nodes, c.num_categories}, real);
  batch.target = torch::zeros({windows, c.horizon, c.num_nodes, c.num_categories}, real);
  batch.origin = torch::zeros({windows}, i64);
  batch.position = torch::zeros({windows}, i64);
  return batch;
}

}  // namespace

std::vector<double> stage_costs(models::ForecastModel& model, const models::ModelContext& context,
                                std::int64_t num_windows) {
  const auto parameters = model.parameters();
  const auto real = parameters.empty() ? torch::TensorOptions(torch::kFloat32)
                                       : parameters.front().options().requires_grad(false);
  const data::Batch batch = made_batch(context, num_windows, real);
  const auto stages = model.stages();
  std::vector<double> costs;
  models::TensorList carried;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Counting counting;
    carried = stages[i].forward(std::move(carried), batch);
    if (i + 1 == stages.size()) model.head(carried, batch);  // the common end
    costs.push_back(seconds);
    if (i + 1 == stages.size())
      costs.back() += kSecondsPerTarget * static_cast<double>(batch.target.numel());
    for (auto& tensor : carried) tensor = tensor.detach();
  }
  return costs;
}

}  // namespace precinct::train
