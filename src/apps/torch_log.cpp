// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/torch_log.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>

namespace precinct::apps {

void let_torch_print_errors_only() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") != nullptr)
    c10::initLogging();
  else
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, c10::GLOG_ERROR);
}

}  // namespace precinct::apps
