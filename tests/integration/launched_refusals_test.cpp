// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// `precinct train` on ranks that cannot work together: settings that do not go together, on all
// ranks or on one, and ranks that do not find each other. Each rank ends in time with its code and
// one line.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/child_process.h"
#include "tests/support/long_form.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

using test::Words;

constexpr int kLimitMs = 60'000;  // what still runs then is killed, and has no code

const test::SmallProject& project() {
  static const test::SmallProject project;
  return project;
}

/// The lines of `text` that begin with `prefix`, without it.
Words lines_of(const std::string& text, const std::string& prefix) {
  Words lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);)
    if (line.starts_with(prefix)) lines.push_back(line.substr(prefix.size()));
  return lines;
}

/// `[rank R] precinct: ...`, with `names` in it, and `[rank R] ended with CODE`, and nothing else
/// but what is logged as information.
void expect_refusal(const std::string& text, int rank, int code, const std::string& names) {
  SCOPED_TRACE(text);
  const std::string prefix = fmt::format("[rank {}] ", rank);
  const Words errors = lines_of(text, prefix + "precinct: ");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_THAT(errors[0], testing::ContainsRegex(names));
  EXPECT_EQ(lines_of(text, prefix + "ended with "), Words{std::to_string(code)});
  Words others = lines_of(text, prefix);
  std::erase_if(others, [](const std::string& line) { return line.find(" info ") != line.npos; });
  EXPECT_EQ(others.size(), 2U);
}

struct Refusal {
  std::string name;
  int num_ranks;
  Words on_all, on_rank_1;  // KEY=VALUE of all ranks, and more of rank 1
  std::string names;        // a regular expression in the one line of each rank
  std::string model = "dnn";

  friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
};

class RanksRefuse : public testing::TestWithParam<Refusal> {};
INSTANTIATE_TEST_SUITE_P(
    Inputs, RanksRefuse,
    testing::Values(
        Refusal{"DegreesThatDoNotMultiply", 2, {"parallel.dp=3"}, {}, "parallel.dp.*2 ranks"},
        Refusal{"UnitsNotDivisible",
                2,
                {"parallel.tp=2", "model.hidden=7"},
                {},
                "parallel.tp.*model.hidden"},
        Refusal{"HeadsNotDivisible",
                2,
                {"parallel.tp=2", "model.num_heads=1"},
                {},
                "parallel.tp.*model.num_heads",
                "gat_tcn"},
        Refusal{"MoreStagesThanLayers",
                4,
                {"parallel.pp=4", "model.num_layers=1"},
                {},
                "parallel.pp and model.name.*4"},
        Refusal{"MoreMicroBatchesThanWindows",
                2,
                {"parallel.pp=2", "parallel.num_micro_batches=9"},
                {},
                "parallel.num_micro_batches: expected at most 8 with train.global_batch_size 8"},
        Refusal{"DeterministicTensorParallel",
                2,
                {"parallel.tp=2", "train.deterministic=true"},
                {},
                "train.deterministic.*parallel.tp"},
        Refusal{"AnotherConfiguration", 2, {}, {"train.optimizer.lr=0.5"}, "optimizer"},
        Refusal{"AnotherLayout", 2, {}, {"parallel.tp=2"}, "parallel.tp"},
        Refusal{"AnotherPanel", 2, {}, {"data.panel=\"$OTHER\""}, "panel"}),
    [](const auto& info) { return info.param.name; });

TEST_P(RanksRefuse, OnEveryRankInOneLineWithinAMinute) {
  const Refusal& refusal = GetParam();
  if (!std::filesystem::exists(project() / "other.h5"))
    data::write_panel(project() / "other.h5", test::small_panel_with_polygons(121));
  const auto variables = [] {
    test::use_one_thread();
    ::setenv("OTHER", (project() / "other.h5").c_str(), 1);
  };
  // the shell takes the code, so that the launcher ends nobody
  std::string more;
  for (const auto& set : refusal.on_rank_1) more += " --set " + set;
  Words words = {
      test::precinct_program(),
      "launch",
      "--nproc",
      std::to_string(refusal.num_ranks),
      "--",
      "/bin/sh",
      "-c",
      fmt::format("[ $RANK != 1 ] || set -- \"$@\"{}; \"$@\"; echo \"ended with $?\" >&2", more),
      "sh"};
  const Words train = project().train_words(refusal.model, "refused-" + refusal.name);
  words.insert(words.end(), train.begin(), train.end());
  for (const auto& set : refusal.on_all) words.insert(words.end(), {"--set", set});
  const auto result = test::run_program(words, kLimitMs, variables);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (int rank = 0; rank < refusal.num_ranks; ++rank)
    expect_refusal(result.err, rank, 2, refusal.names);
}

TEST(Launch, SeveralRanksOfAVerbThatKnowsOfNoneAreRefused) {
  for (const char* verb : {"forecast", "ingest", "report"}) {
    const auto result = test::run_program(
        {test::precinct_program(), "launch", "-n", "2", "--", "precinct", verb, "x"}, kLimitMs,
        test::use_one_thread);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err,
                testing::MatchesRegex(fmt::format(
                    "precinct: launch: expected train, [^\n]*, found 'precinct {}', [^\n]*; "
                    "[^\n]*\n",
                    verb)));
  }
}

/// The launcher ends the others when one fails, but lets them say first what is wrong.
TEST(RanksThatRefuse, BelowTheLauncherEachSaysItAndTheLauncherLast) {
  Words words = {test::precinct_program(), "launch", "-n", "4", "--"};
  for (const auto& word : project().train_words("dnn", "told", {"--set", "parallel.tp=3"}))
    words.push_back(word);
  const auto result = test::run_program(words, kLimitMs, test::use_one_thread);
  EXPECT_EQ(result.exit_code, 2) << result.err;
  for (int rank = 0; rank < 4; ++rank)
    EXPECT_THAT(result.err,
                testing::HasSubstr(fmt::format("[rank {}] precinct: parallel.dp x ", rank)));
  EXPECT_THAT(result.err, testing::Not(testing::HasSubstr("ended by the launcher")));
  EXPECT_THAT(result.err, testing::ContainsRegex("\nprecinct launch: rank [^\n]*; its last line: "
                                                 "precinct: parallel.dp x [^\n]*\n$"));
}

TEST(RanksThatRefuse, ARunFolderInUseIsSaidByAllOfThem) {
  const auto folder = project() / "in-use";
  std::filesystem::create_directories(folder);
  const int lock = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  Words words = {test::precinct_program(), "launch", "-n", "2", "--"};
  for (const auto& word : project().train_words("dnn", "in-use")) words.push_back(word);
  const auto result = test::run_program(words, kLimitMs, test::use_one_thread);
  ::close(lock);
  EXPECT_EQ(result.exit_code, 6) << result.err;
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_THAT(result.err, testing::ContainsRegex(fmt::format(
                                "\\[rank {}\\] precinct: [^\n]*in-use: expected a run folder that "
                                "no job is using",
                                rank)));
}

/// A port of this host that is bound as long as this lives.
class Port {
 public:
  explicit Port(bool listens) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (socket_ < 0 || ::bind(socket_, generic, size) != 0 ||
        ::getsockname(socket_, generic, &size) != 0 || (listens && ::listen(socket_, 8) != 0))
      throw std::runtime_error("no port");
    number_ = ntohs(address.sin_port);
  }
  ~Port() { ::close(socket_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  int number() const { return number_; }

 private:
  int socket_ = -1;
  int number_ = 0;
};

/// A rank that is started by hand, as torchrun would.
struct ByHand {
  int rank;
  std::string environment;  // NAME=VALUE ...
};

/// Seconds in parallel.timeout_seconds; the ranks look for each other a little less long. The long
/// form has the default.
double timeout_seconds() { return test::is_long_form() ? 60 : 4; }

/// Starts the ranks side by side with the variables of both, and returns what they said.
std::string by_hand(const std::vector<ByHand>& ranks, const std::string& name) {
  Words words = {"/bin/sh", "-c", "", "sh"};
  for (const auto& [rank, environment] : ranks)
    words[2] += fmt::format(
        "{{ env RANK={0} LOCAL_RANK={0} WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 {1} \"$@\" 2>&1; "
        "echo \"ended with $?\"; }} | sed 's/^/[rank {0}] /' >&2 & ",
        rank, environment);
  words[2] += "wait";
  const Words train = project().train_words("dnn", name);
  words.insert(words.end(), train.begin(), train.end());
  words.insert(words.end(), {"--set", "parallel.heartbeat_seconds=1", "--set",
                             fmt::format("parallel.timeout_seconds={}", timeout_seconds())});
  return test::run_program(words, kLimitMs, test::use_one_thread).err;
}

TEST(RanksThatDoNotMeet, PortInUseByAnotherProgramThatNeverAnswers) {
  const Port port(true);
  const std::string at = fmt::format("MASTER_ADDR=127.0.0.1 MASTER_PORT={}", port.number());
  const std::string text = by_hand({{0, at}, {1, at}}, "port-in-use");
  expect_refusal(text, 0, 4, fmt::format("MASTER_PORT.*{}", port.number()));
  expect_refusal(text, 1, 4, fmt::format("MASTER_ADDR.*{}", port.number()));
}

TEST(RanksThatDoNotMeet, NobodyHoldsTheStore) {
  const Port port(false);
  const std::string at = fmt::format("MASTER_ADDR=127.0.0.1 MASTER_PORT={}", port.number());
  const std::string text = by_hand({{1, at}}, "no-store");
  expect_refusal(text, 1, 4, fmt::format("MASTER_ADDR.*127.0.0.1:{}", port.number()));
  EXPECT_THAT(text, testing::ContainsRegex(fmt::format(
                        "\\[rank 1\\] .* info rank 1 of 2 \\(by the variables of torchrun\\) still "
                        "waits to meet the others at 127.0.0.1:{}",
                        port.number())));
}

TEST(RanksThatDoNotMeet, AddressThatAnswersNothing) {
  // of the block for documentation: no host has it, and what is sent there is lost or refused
  const std::string at = "MASTER_ADDR=192.0.2.1 MASTER_PORT=29500 LOCAL_WORLD_SIZE=1 LOCAL_RANK=0";
  const std::string text = by_hand({{0, at}, {1, at}}, "unreachable");
  expect_refusal(text, 0, 2, "MASTER_ADDR.*192.0.2.1");
  expect_refusal(text, 1, 4, "MASTER_ADDR.*192.0.2.1:29500");
}

TEST(RanksThatDoNotMeet, NameThatLeadsNowhere) {
  const std::string at =
      "MASTER_ADDR=nowhere.invalid MASTER_PORT=29500 LOCAL_WORLD_SIZE=1 LOCAL_RANK=0";
  const std::string text = by_hand({{0, at}, {1, at}}, "unresolved");
  expect_refusal(text, 0, 2, "MASTER_ADDR.*nowhere.invalid");
  expect_refusal(text, 1, 4, "MASTER_ADDR.*nowhere.invalid.*no address");
}

TEST(RanksThatDoNotMeet, VariablesThatContradictEachOther) {
  const Port port(false);
  const std::string at = fmt::format("MASTER_ADDR=127.0.0.1 MASTER_PORT={} ", port.number());
  const std::string text =
      by_hand({{0, at + "LOCAL_RANK=5"}, {1, at + "WORLD_SIZE=1"}}, "contradictory");
  expect_refusal(text, 0, 2, "LOCAL_RANK.*5");
  expect_refusal(text, 1, 2, "RANK.*1");
}

TEST(RanksThatDoNotMeet, OneThatNeverComesIsNamed) {
  Words words = {test::precinct_program(),
                 "launch",
                 "--nproc",
                 "2",
                 "--",
                 "/bin/sh",
                 "-c",
                 "[ $RANK = 0 ] || exec tail -f /dev/null; exec \"$@\"",
                 "sh"};
  const Words train =
      project().train_words("dnn", "absent",
                            {"--set", "parallel.heartbeat_seconds=1", "--set",
                             fmt::format("parallel.timeout_seconds={}", timeout_seconds())});
  words.insert(words.end(), train.begin(), train.end());
  const auto result = test::run_program(words, kLimitMs, test::use_one_thread);
  EXPECT_EQ(result.exit_code, 4) << result.err;
  const Words errors = lines_of(result.err, "[rank 0] precinct: ");
  ASSERT_EQ(errors.size(), 1U) << result.err;
  EXPECT_THAT(errors[0], testing::HasSubstr("rank 1 missing"));
}

}  // namespace
}  // namespace precinct
