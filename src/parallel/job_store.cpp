// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.h"
#include "parallel/host_address.h"
#include "parallel/process_context.h"
#include "parallel/store.h"

namespace precinct::parallel {

std::unique_ptr<Store> job_store(const std::string& address, std::uint16_t port,
                                 std::int64_t restart_count, std::chrono::milliseconds timeout,
                                 const StoreHolder& holder) {
  return connect_store(address, port, timeout, holder)
      ->view(fmt::format("precinct/{}", restart_count));
}

std::unique_ptr<StoreServer> serve_store(const ProcessContext& context) {
  const bool is_alone = context.world_size == 1 && context.master_address.empty();
  PRECINCT_CHECK(is_alone || is_this_host(context.master_address), ConfigError,
                 "MASTER_ADDR: expected an address of rank 0's host, found '{}', which is not "
                 "this one; export MASTER_ADDR with an address of it",
                 context.master_address);
  std::string address = context.store_address();
  if (!context.one_host()) address = address_towards(address);
  // a name of this host may lead to its loopback address here and to another one elsewhere
  if (!context.one_host() && is_loopback(address)) address.clear();
  return std::make_unique<StoreServer>(address, context.master_port);
}

}  // namespace precinct::parallel
