// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/connected_world.h"

#include <spdlog/spdlog.h>

#include "base/slow_notice.h"

namespace precinct::apps {

std::unique_ptr<parallel::World> connected_world(const parallel::ProcessContext& context,
                                                 const parallel::ConnectOptions& options) {
  const SlowNotice notice(options.connect_timeout / 5, [&] {
    spdlog::info("rank {} of {} (by the variables of {}) still waits to meet the others at {}:{}",
                 context.rank, context.world_size, context.source, context.store_address(),
                 context.master_port);
  });
  return parallel::connect(context, options);
}

}  // namespace precinct::apps
