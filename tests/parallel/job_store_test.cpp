// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "parallel/process_context.h"
#include "parallel/store.h"

namespace precinct::parallel {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Two ranks, of which `local` are on this host; any free port.
ProcessContext context_of(std::int64_t local, const std::string& address) {
  ProcessContext context;
  context.world_size = 2;
  context.local_world_size = local;
  context.master_address = address;
  return context;
}

template <typename Error>
std::string refusal(const ProcessContext& context) {
  try {
    serve_store(context);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

TEST(JobStore, StartsOfAJobHavePartsOfTheirOwn) {
  const auto server = serve_store(context_of(2, "127.0.0.1"));
  const auto first = job_store("127.0.0.1", server->port(), 0, 10s);
  first->set("key", "value");
  EXPECT_EQ(job_store("127.0.0.1", server->port(), 0, 10s)->get("key", 0ms), "value");
  EXPECT_FALSE(job_store("127.0.0.1", server->port(), 1, 10s)->get("key", 0ms));
}

TEST(JobStore, OfSeveralHostsIsHeldOnlyByRankZerosHost) {
  EXPECT_THAT(refusal<ConfigError>(context_of(1, "198.18.0.77")),
              HasSubstr("MASTER_ADDR: expected an address of rank 0's host, found '198.18.0.77'"));
  EXPECT_EQ(refusal<ConfigError>(context_of(1, "127.0.0.1")), "nothing");
}

TEST(JobStore, APortInUseIsRefused) {
  auto context = context_of(2, "127.0.0.1");
  const auto server = serve_store(context);
  context.master_port = server->port();
  EXPECT_THAT(refusal<CommError>(context), HasSubstr("MASTER_PORT: expected a free port"));
}

}  // namespace
}  // namespace precinct::parallel
