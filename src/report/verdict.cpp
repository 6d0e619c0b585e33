// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/report_builder.h"

namespace precinct::report {
namespace {

using nlohmann::json;

/// The network that the verdict is on, null without networks, and how it came to that.
struct Judged {
  const json* network = nullptr;
  std::string how;
};

/// The network that was picked before the test range was seen; the first one when none was.
Judged judged_network(const json& evaluation) {
  const json* first = nullptr;
  int num_networks = 0;
  bool has_choice = false;
  for (const auto& f : evaluation["forecasters"]) {
    if (f["baseline"].get<bool>()) continue;
    if (evaluation.contains("picked") && f["name"] == evaluation["picked"])
      return {&f, "the network picked before that range was seen"};
    if (first == nullptr) first = &f;
    ++num_networks;
    has_choice = has_choice || f.contains("choice");
  }
  if (num_networks < 2) return {first, "the only network"};
  return {first, fmt::format("the first of {} networks of which none was picked (their validation "
                             "scores {})",
                             num_networks, has_choice ? "have no common scale" : "are not known")};
}

const json* best_baseline(const json& evaluation, const char* score) {
  const json* best = nullptr;
  for (const auto& f : evaluation["forecasters"]) {
    if (!f["baseline"].get<bool>() || !f["total"].contains(score)) continue;
    if (best == nullptr || f["total"][score] < (*best)["total"][score]) best = &f;
  }
  return best;
}

}  // namespace

Verdict verdict_of(const json& evaluation) {
  if (!evaluation.is_object() || !evaluation.contains("forecasters"))
    return {"Nothing was scored: do not rely on these figures."};
  const auto [network, how] = judged_network(evaluation);
  if (network == nullptr) return {"No network is shown: these are the baselines alone."};
  const auto& skill = (*network)["skill"];
  const std::string reference = evaluation.value("reference", ""),
                    score = skill.value("score", "NLL");
  const double value = 100 * skill["value"].get<double>(), low = 100 * skill["low"].get<double>(),
               high = 100 * skill["high"].get<double>();
  Verdict verdict;
  verdict.is_better = low > 0;
  verdict.text = fmt::format(
      "On the test range {}, {}, is {} the baseline {}: its {} is {:.2f} % {} (95 % interval "
      "{:+.2f} to {:+.2f} %).",
      (*network)["name"].get<std::string>(), how,
      low <= 0 && high >= 0 ? "no better than"
      : verdict.is_better   ? "better than"
                            : "worse than",
      reference, score, std::abs(value), value >= 0 ? "lower" : "higher", low, high);
  const char* figure = score == "NLL" ? "NLL" : "RMSE";
  const json* best = best_baseline(evaluation, figure);
  if (best != nullptr && (*best)["name"] != reference &&
      (*best)["total"][figure] < (*network)["total"][figure]) {
    verdict.is_better = false;
    verdict.text +=
        fmt::format(" The baseline {} does better than it.", (*best)["name"].get<std::string>());
  }
  if (!(*network)["total"].contains("NLL"))
    verdict.text += " It makes point forecasts: there is no range around them.";
  return verdict;
}

}  // namespace precinct::report
