// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace precinct::config {

/// `head:`, the predictive distribution and the anchor.
struct HeadConfig {
  std::string name = "negative_binomial";  // point|poisson|negative_binomial
  std::string anchor = "history";          // none|history (gamma-Poisson)
  std::string point_loss = "mse";          // mse|mae|huber, for point
  std::vector<std::string> extra;          // further heads beside it, e.g. [point]
  std::vector<double> extra_weights;       // loss weights of the extra heads
};

}  // namespace precinct::config
