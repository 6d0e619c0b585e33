// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/ranks.h"

#include <ATen/Parallel.h>
#include <c10/util/signal_handler.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "parallel/store.h"
#include "tests/parallel/rank_server.h"
#include "tests/support/temporary_folder.h"

namespace precinct::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string current_test() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return std::string(info->test_suite_name()) + "." + info->name();
}

/// Which call of run_ranks of the running test this is.
int call_number() {
  static std::string test;
  static int number = 0;
  if (test != current_test()) {
    test = current_test();
    number = 0;
  }
  return number++;
}

struct Rank {
  pid_t pid = -1;
  int alive = -1;  // the read end of a pipe whose write end ends with the process
  std::string log;
};

Rank start_rank(int rank, int size, int call, std::uint16_t port, bool rank0_holds_store,
                const std::string& log) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("SLURM_")) environment.emplace_back(*entry);
  const auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(environment, [&](const auto& one) { return one.starts_with(name + "="); });
    environment.push_back(name + "=" + value);
  };
  set("RANK", std::to_string(rank));
  set("LOCAL_RANK", std::to_string(rank));
  set("WORLD_SIZE", std::to_string(size));
  set("LOCAL_WORLD_SIZE", std::to_string(size));
  set("MASTER_ADDR", "127.0.0.1");
  set("MASTER_PORT", std::to_string(port));
  set("TORCHELASTIC_USE_AGENT_STORE", rank0_holds_store ? "False" : "True");
  set("PRECINCT_TEST_CALL", std::to_string(call));
  set("PRECINCT_TEST_FOLDER", std::filesystem::path(log).parent_path());
  set("OMP_NUM_THREADS", "1");
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  EXPECT_GE(output, 0) << log;
  Rank started;
  started.pid =
      fork_rank({.arguments = {"rank", "--gtest_filter=" + current_test(), "--gtest_repeat=1",
                               "--gtest_color=no", "--gtest_also_run_disabled_tests"},
                 .environment = std::move(environment),
                 .output = output,
                 .alive = ends[1]});
  ::close(output);
  ::close(ends[1]);
  started.alive = ends[0];
  started.log = log;
  return started;
}

/// Waits for the end of a rank; the exit code, 128 + signal, or -1 when it had to be killed.
int end_of(const Rank& rank, Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd end{rank.alive, POLLIN, 0};
  const bool ended = ::poll(&end, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
  if (!ended) ::kill(rank.pid, SIGKILL);
  const int status = status_of_rank(rank.pid);
  ::close(rank.alive);
  if (!ended) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string end_text(int code) {
  if (code < 0) return " hung:\n";
  if (code <= 128) return " said:\n";
  return ", ended by signal " + std::to_string(code - 128) + ", said:\n";
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Its begin and its end, when it is long.
std::string excerpt_of(const std::string& path) {
  const std::string all = text_of(path);
  return all.size() > 6000 ? all.substr(0, 3000) + "\n...\n" + all.substr(all.size() - 3000) : all;
}

/// Lines that rank 0 wrote for the reader of a test's output.
void print_rows(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("row: ")) std::printf("%s\n", line.c_str());
}

void run_body(const std::function<void(parallel::World&)>& body, const RankOptions& options) {
  at::set_num_threads(1);
  c10::FatalSignalHandler::getInstance().setPrintStackTracesOnFatalSignal(true);
  try {
    const auto context = parallel::ProcessContext::from_environment();
    auto world = options.connects ? parallel::connect(context, options.connect)
                                  : std::make_unique<parallel::World>(context, nullptr);
    body(*world);
    if (options.connects && options.shutdown && !::testing::Test::HasFailure()) world->shutdown();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  std::fflush(nullptr);
}

}  // namespace

void run_ranks(int size, const std::function<void(parallel::World&)>& body,
               const RankOptions& options) {
  const int call = call_number();
  const char* wanted = std::getenv("PRECINCT_TEST_CALL");
  if (wanted != nullptr) {
    if (std::to_string(call) == wanted) run_body(body, options);
    return;
  }
  const auto deadline = Clock::now() + options.deadline;
  TemporaryFolder folder;
  auto server = std::make_unique<parallel::StoreServer>("127.0.0.1", 0);
  const std::uint16_t port = server->port();
  if (options.rank0_holds_store) server.reset();
  std::vector<Rank> ranks;
  for (int r = 0; r < size; ++r)
    ranks.push_back(start_rank(r, size, call, port, options.rank0_holds_store,
                               (folder / ("rank" + std::to_string(r))).string()));
  for (int r = 0; r < size; ++r) {
    const int code = end_of(ranks[static_cast<std::size_t>(r)], deadline);
    const bool killed =
        std::find(options.killed.begin(), options.killed.end(), r) != options.killed.end();
    EXPECT_EQ(code, killed ? 128 + SIGKILL : 0)
        << "rank " << r << " of " << size << end_text(code)
        << excerpt_of(ranks[static_cast<std::size_t>(r)].log);
    const std::string said = text_of(ranks[static_cast<std::size_t>(r)].log);
    for (const std::string& word : options.unsaid)
      EXPECT_EQ(said.find(word), std::string::npos) << "rank " << r << " said:\n" << said;
  }
  print_rows(ranks[0].log);
}

std::filesystem::path shared_folder() { return std::getenv("PRECINCT_TEST_FOLDER"); }

}  // namespace precinct::test
