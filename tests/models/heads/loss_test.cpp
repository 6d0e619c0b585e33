// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// The common end of the networks and the losses of its heads.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "base/error.h"
#include "models/heads/common_end.h"
#include "tests/support/made_batch.h"

namespace precinct::models {
namespace {

using test::MadeSizes;

constexpr std::int64_t kWidth = 6;

struct Heads {
  std::string name;
  std::vector<std::string> extra;
  std::vector<double> weights;
  std::string point_loss = "mse";
};

std::ostream& operator<<(std::ostream& out, const Heads& heads) {
  out << heads.name;
  for (const auto& name : heads.extra) out << "_" << name;
  return out << (heads.point_loss == "mse" ? "" : "_" + heads.point_loss);
}

class EveryHead : public testing::TestWithParam<std::tuple<Heads, bool, bool>> {
 protected:
  void SetUp() override {
    const auto& [heads, has_mask, has_anchor] = GetParam();
    sizes_.has_mask = has_mask;
    sizes_.has_anchor = has_anchor;
    sizes_.has_weights = true;
    sizes_.nodes = 5;
    config_.name = heads.name;
    config_.extra = heads.extra;
    config_.extra_weights = heads.weights;
    config_.point_loss = heads.point_loss;
    config_.anchor = has_anchor ? "history" : "none";
    context_ = test::made_context(sizes_);
    batch_ = test::in_double(test::made_batch(sizes_));
  }
  CommonEnd made_end(bool shaken = true) {
    CommonEnd end(config_, context_, kWidth);
    initialize_by_name(*end, 61);
    if (shaken) test::shake(*end, 62);
    test::to_double(*end);
    return end;
  }
  torch::Tensor made_state(std::int64_t horizon) const {
    auto generator = test::made_generator(63);
    return torch::randn({sizes_.windows, horizon, sizes_.nodes, kWidth}, generator, torch::kDouble);
  }
  MadeSizes sizes_;
  config::HeadConfig config_;
  ModelContext context_;
  data::Batch batch_;
};
std::string name_of(const testing::TestParamInfo<std::tuple<Heads, bool, bool>>& info) {
  return testing::PrintToString(std::get<0>(info.param)) +
         (std::get<1>(info.param) ? "_mask" : "") + (std::get<2>(info.param) ? "" : "_plain");
}
const auto kHeads = testing::Values(Heads{"negative_binomial", {}, {}}, Heads{"poisson", {}, {}},
                                    Heads{"point", {}, {}}, Heads{"point", {}, {}, "mae"},
                                    Heads{"point", {}, {}, "huber"},
                                    Heads{"negative_binomial", {"point", "poisson"}, {0.3, 2}});
INSTANTIATE_TEST_SUITE_P(CommonEnd, EveryHead,
                         testing::Combine(kHeads, testing::Bool(), testing::Bool()), name_of);

class MaskedHead : public EveryHead {};
INSTANTIATE_TEST_SUITE_P(CommonEnd, MaskedHead,
                         testing::Combine(kHeads, testing::Values(true), testing::Bool()), name_of);

/// Log mean of one head at (b, h, n), [C], from numerics.md word by word.
struct PlainEnd {
  const MadeSizes& sizes;
  const ModelContext& context;
  const data::Batch& batch;
  torch::OrderedDict<std::string, torch::Tensor> p;

  torch::Tensor map(const std::string& name, const torch::Tensor& x) const {
    const torch::Tensor y = torch::mv(p[name + ".weight"], x);
    return p.contains(name + ".bias") ? y + p[name + ".bias"] : y;
  }
  torch::Tensor seen(std::int64_t b, std::int64_t t, std::int64_t n) const {
    if (batch.observed.defined() && batch.observed[b][t][n].item<double>() == 0)
      return torch::zeros({sizes.categories}, torch::kDouble);
    return batch.counts[b][t][n];
  }
  torch::Tensor direct(std::int64_t b, std::int64_t n) const {
    const std::int64_t first = sizes.lookback - std::min<std::int64_t>(7, sizes.lookback);
    std::vector<torch::Tensor> parts{batch.x_origin[b][n]};
    for (std::int64_t t = first; t < sizes.lookback; ++t) parts.push_back(seen(b, t, n));
    torch::Tensor sum = torch::zeros({sizes.categories}, torch::kDouble);
    double total = 0;
    for (std::int64_t e = 0; e < context.edge_index.size(1); ++e) {
      if (context.edge_index[1][e].item<std::int64_t>() != n) continue;
      const double weight = context.edge_weight[e].item<double>();
      const auto j = context.edge_index[0][e].item<std::int64_t>();
      for (std::int64_t t = first; t < sizes.lookback; ++t)
        sum = sum + weight * seen(b, t, j) / static_cast<double>(sizes.lookback - first);
      total += weight;
    }
    parts.push_back(total > 0 ? sum / total : sum);
    return torch::cat(parts);
  }
  torch::Tensor hidden(const torch::Tensor& state, std::int64_t b, std::int64_t h,
                       std::int64_t n) const {
    const torch::Tensor head_in = state[b][state.size(1) == 1 ? 0 : h][n] +
                                  p["node_embedding.weight"][n] +
                                  map("calendar", batch.calendar[b][sizes.lookback + h]) +
                                  map("origin", batch.x_origin[b][n]);
    return torch::relu(map("hidden", head_in));
  }
  torch::Tensor log_mean(const std::string& head, const torch::Tensor& state, std::int64_t b,
                         std::int64_t h, std::int64_t n) const {
    const torch::Tensor start = batch.log_anchor.defined()
                                    ? batch.log_anchor[b][h][n]
                                    : context.log_mean0[n].to(torch::kDouble);
    return start + map(head + ".direct", direct(b, n)) +
           map(head + ".calendar", batch.calendar[b][sizes.lookback + h]) +
           map(head + ".deep", hidden(state, b, h, n));
  }
};

TEST_P(EveryHead, EqualsTheFormulaCellByCell) {
  auto end = made_end();
  const PlainEnd plain{sizes_, context_, batch_, end->named_parameters()};
  for (const std::int64_t horizon : {std::int64_t{1}, sizes_.horizon}) {
    const torch::Tensor state = made_state(horizon);
    const HeadParams params = end->forward(state, batch_);
    double worst = 0;
    const auto compare = [&](const torch::Tensor& mine, const torch::Tensor& expected) {
      worst = std::max(worst, (mine - expected).abs().max().item<double>());
    };
    for (std::int64_t b = 0; b < sizes_.windows; ++b)
      for (std::int64_t h = 0; h < sizes_.horizon; ++h)
        for (std::int64_t n = 0; n < sizes_.nodes; ++n) {
          if (params.log_mean.defined())
            compare(params.log_mean[b][h][n], plain.log_mean("log_mean", state, b, h, n));
          if (params.point.defined())
            compare(params.point[b][h][n], plain.log_mean("point", state, b, h, n).exp());
          if (params.log_dispersion.defined())
            compare(params.log_dispersion[b][h][n],
                    context_.log_alpha0.to(torch::kDouble) +
                        plain.map("dispersion", plain.hidden(state, b, h, n)));
        }
    EXPECT_LE(worst, 1e-6);  // neighbours' shares are float32 constants
  }
}

TEST_P(EveryHead, DefinesWhatItsHeadsNeed) {
  auto end = made_end();
  const HeadParams params = end->forward(made_state(1), batch_);
  std::vector<std::string> names = config_.extra;
  names.push_back(config_.name);
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_EQ(params.point.defined(), has("point"));
  EXPECT_EQ(params.log_dispersion.defined(), has("negative_binomial"));
  EXPECT_EQ(params.log_mean.defined(), has("negative_binomial") || has("poisson"));
}

/// Loss of one head as a sum of numbers.
double plain_loss(const std::string& name, const std::string& kind, const HeadParams& params,
                  const data::Batch& batch) {
  const torch::Tensor y = batch.target;
  double sum = 0;
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    const std::int64_t cell = i / y.size(3);
    if (batch.target_observed.defined() &&
        batch.target_observed.flatten()[cell].item<double>() == 0)
      continue;
    const double count = y.flatten()[i].item<double>();
    if (name == "point") {
      const double error = params.point.flatten()[i].item<double>() - count, far = std::abs(error);
      sum += kind == "mse"   ? error * error
             : kind == "mae" ? far
                             : (far < 1 ? error * error / 2 : far - 0.5);
      continue;
    }
    const double log_mean = params.log_mean.flatten()[i].item<double>(), mean = std::exp(log_mean);
    if (name == "poisson") {
      sum += mean - count * log_mean + std::lgamma(count + 1);
      continue;
    }
    const double alpha = std::exp(params.log_dispersion.flatten()[i].item<double>()), r = 1 / alpha;
    sum += std::lgamma(r) + std::lgamma(count + 1) - std::lgamma(count + r) - r * std::log(r) +
           (count + r) * std::log(r + mean) - count * log_mean;
  }
  return sum;
}

TEST_P(EveryHead, LossIsTheSumOverObservedCells) {
  auto end = made_end();
  const HeadParams params = end->forward(made_state(1), batch_);
  double expected = plain_loss(config_.name, config_.point_loss, params, batch_);
  for (std::size_t i = 0; i < config_.extra.size(); ++i)
    expected +=
        config_.extra_weights[i] * plain_loss(config_.extra[i], config_.point_loss, params, batch_);
  const LossSum loss = loss_sum(config_, params, batch_);
  EXPECT_NEAR(loss.numerator.item<double>(), expected, 1e-9 * std::abs(expected));
  const double cells =
      batch_.target_observed.defined()
          ? batch_.target_observed.sum().item<double>() * static_cast<double>(sizes_.categories)
          : static_cast<double>(batch_.target.numel());
  EXPECT_EQ(loss.denominator.item<double>(), cells);
}

TEST_P(EveryHead, StartsAtTheAnchor) {
  auto end = made_end(/*shaken=*/false);
  const HeadParams params = end->forward(made_state(1), batch_);
  const torch::Tensor start = sizes_.has_anchor
                                  ? batch_.log_anchor
                                  : context_.log_mean0.to(torch::kDouble).expand_as(batch_.target);
  if (params.log_mean.defined()) {
    EXPECT_TRUE(torch::equal(params.log_mean, start));
  }
  if (params.point.defined()) {
    EXPECT_TRUE(torch::equal(params.point, start.exp()));
  }
  if (params.log_dispersion.defined()) {
    EXPECT_TRUE(torch::equal(params.log_dispersion,
                             context_.log_alpha0.to(torch::kDouble).expand_as(batch_.target)));
  }
}

TEST_P(EveryHead, GradientsAgreeWithCentralDifferences) {
  std::cout << "seeds 61, 62, 63\n";
  auto end = made_end();
  const torch::Tensor state = made_state(1).requires_grad_();
  auto variables = end->parameters();
  variables.push_back(state);
  const auto loss = [&] {
    const LossSum sum = loss_sum(config_, end->forward(state, batch_), batch_);
    return sum.numerator / sum.denominator;
  };
  EXPECT_LE(test::gradient_error(variables, loss), 1e-6);
}

TEST_P(MaskedHead, UnobservedTargetsHaveNeitherLossNorGradient) {
  auto end = made_end();
  const HeadParams params = end->forward(made_state(1), batch_);
  const torch::Tensor gone = batch_.target_observed.unsqueeze(-1).expand_as(batch_.target) == 0;
  for (const torch::Tensor& param : {params.log_mean, params.log_dispersion, params.point}) {
    if (!param.defined()) continue;
    const auto grads = torch::autograd::grad({loss_sum(config_, params, batch_).numerator}, {param},
                                             {}, /*retain_graph=*/true);
    EXPECT_EQ(grads[0].masked_select(gone).abs().sum().item<double>(), 0);
    EXPECT_GT(grads[0].abs().sum().item<double>(), 0);
  }
  data::Batch spoilt = batch_;
  for (const double value : {99.0, 1e30, std::numeric_limits<double>::infinity()}) {
    spoilt.target = torch::where(gone, torch::full({}, value, torch::kDouble), batch_.target);
    const LossSum mine = loss_sum(config_, end->forward(made_state(1), spoilt), spoilt);
    EXPECT_EQ(mine.numerator.item<double>(),
              loss_sum(config_, params, batch_).numerator.item<double>());
    const auto grads = torch::autograd::grad({mine.numerator}, end->parameters(), {}, std::nullopt,
                                             false, /*allow_unused=*/true);
    for (const auto& grad : grads)
      if (grad.defined()) {
        EXPECT_TRUE(torch::isfinite(grad).all().item<bool>()) << value;
      }
  }
}

TEST(Loss, RefusesUnknownHeadsLossesAndWindowsWithoutATarget) {
  const MadeSizes sizes;
  const auto context = test::made_context(sizes);
  auto batch = test::made_batch(sizes);
  config::HeadConfig head;
  head.name = "gauss";
  EXPECT_THROW(CommonEnd(head, context, kWidth), ConfigError);
  head.name = "point";
  head.extra = {"binomial"};
  EXPECT_THROW(CommonEnd(head, context, kWidth), ConfigError);
  head.extra = {};
  HeadParams params;
  params.point = torch::ones_like(batch.target);
  head.point_loss = "rmse";
  EXPECT_THROW(loss_sum(head, params, batch), ConfigError);
  head.point_loss = "mse";
  batch.target.reset();
  EXPECT_THROW(loss_sum(head, params, batch), ShapeError);
}

TEST(Loss, AWindowWithNothingObservedHasNoCells) {
  MadeSizes sizes;
  sizes.has_mask = true;
  auto batch = test::made_batch(sizes);
  batch.target_observed.zero_();
  HeadParams params;
  params.log_mean = torch::zeros_like(batch.target);
  params.log_dispersion = torch::zeros_like(batch.target);
  const LossSum loss = loss_sum(config::HeadConfig{}, params, batch);
  EXPECT_EQ(loss.numerator.item<double>(), 0);
  EXPECT_EQ(loss.denominator.item<double>(), 0);
}

}  // namespace
}  // namespace precinct::models
