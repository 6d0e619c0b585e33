// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// crosscheck_networks FOLDER: writes small networks with made inputs and their outputs, for
// pytorch_networks.py. Per case <name>.weights, .inputs, .outputs (safetensors); cases.json.
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "models/safetensors.h"
#include "tests/support/made_batch.h"

namespace precinct {
namespace {

struct Case {
  std::string name, network, attention = "gatv1";
  bool has_mask = false, has_anchor = true, has_weights = false;
  std::int64_t day_slots = 1, lookback = 12;
};

models::NamedTensors inputs_of(const data::Batch& batch, const models::ModelContext& context) {
  models::NamedTensors inputs = {{"edge_index", context.edge_index},
                                 {"edge_weight", context.edge_weight}};
  const auto add = [&](const char* name, const torch::Tensor& x) {
    if (x.defined()) inputs.push_back({name, x});
  };
  add("counts", batch.counts);
  add("observed", batch.observed);
  add("calendar", batch.calendar);
  add("day_slot", batch.day_slot);
  add("weekday", batch.weekday);
  add("x_origin", batch.x_origin);
  add("log_anchor", batch.log_anchor);
  return inputs;
}

nlohmann::json write_case(const std::filesystem::path& folder, const Case& c) {
  test::MadeSizes sizes;
  sizes.windows = 4;
  sizes.lookback = c.lookback;
  sizes.has_mask = c.has_mask;
  sizes.has_anchor = c.has_anchor;
  sizes.has_weights = c.has_weights;
  sizes.day_slots = c.day_slots;
  auto config = test::made_config(c.network, sizes);
  config.model.attention = c.attention;
  config.head.extra = {"point"};
  config.head.extra_weights = {0.5};
  const auto context = test::made_context(sizes);
  const auto batch = test::made_batch(sizes);
  const auto model = models::build_model(config, context);
  test::shake(*model, 3);
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto params = model->forward(batch);
  const auto loss = models::loss_sum(config.head, params, batch);
  models::write_safetensors(folder / (c.name + ".weights.safetensors"),
                            models::named_tensors(*model), {{"format", "pt"}});
  auto inputs = inputs_of(batch, context);
  inputs.push_back({"target", batch.target});
  if (batch.target_observed.defined()) inputs.push_back({"target_observed", batch.target_observed});
  models::write_safetensors(folder / (c.name + ".inputs.safetensors"), inputs);
  models::write_safetensors(folder / (c.name + ".outputs.safetensors"),
                            {{"log_mean", params.log_mean},
                             {"log_dispersion", params.log_dispersion},
                             {"point", params.point},
                             {"loss", loss.numerator / loss.denominator}});
  return {{"name", c.name},
          {"network", c.network},
          {"attention", c.attention},
          {"num_heads", config.model.num_heads},
          {"horizon", sizes.horizon}};
}

}  // namespace
}  // namespace precinct

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "crosscheck_networks: expected one folder, found " << argc - 1
              << " arguments; give an existing folder\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  nlohmann::json cases = nlohmann::json::array();
  for (const precinct::Case& c :
       {precinct::Case{"dnn", "dnn"}, precinct::Case{"crimenet", "crimenet"},
        precinct::Case{"gat_tcn", "gat_tcn"},
        precinct::Case{"gat_tcn_v2", "gat_tcn", "gatv2", true, false, true, 4, 28},
        precinct::Case{"dnn_mask", "dnn", "gatv1", true, false, false, 4, 7},
        precinct::Case{"crimenet_mask", "crimenet", "gatv1", true, true, true, 4, 5},
        precinct::Case{"gat_tcn_mask", "gat_tcn", "gatv1", true, true, true, 4, 1}})
    cases.push_back(write_case(folder, c));
  std::ofstream(folder / "cases.json") << cases.dump(2) << "\n";
  return 0;
}
