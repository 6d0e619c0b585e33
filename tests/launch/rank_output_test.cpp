// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/rank_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::launch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> lines;
  LineCutter cutter;
  const auto keep = [&](std::string_view line) { lines.emplace_back(line); };
  for (const auto& piece : pieces) cutter.add(piece, keep);
  cutter.finish(keep);
  return lines;
}

TEST(LineCutter, LinesAreTheSameHoweverTheyArrive) {
  const std::string text = "one\n\ntwo words\r\n\xC3\xBC last";
  const auto whole = ElementsAre("one", "", "two words\r", "\xC3\xBC last");
  EXPECT_THAT(lines_of({text}), whole);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_THAT(lines_of({text.substr(0, cut), text.substr(cut)}), whole) << cut;
  std::vector<std::string> bytes;
  for (const char byte : text) bytes.emplace_back(1, byte);
  EXPECT_THAT(lines_of(bytes), whole);
  EXPECT_THAT(lines_of({"ends\n"}), ElementsAre("ends"));
  EXPECT_THAT(lines_of({}), ElementsAre());
}

TEST(LineCutter, AnEndlessLineComesInPiecesThatAddUp) {
  const std::string long_line(200'000, 'x');
  std::string sum;
  const auto lines = lines_of({long_line, long_line, "\nnext\n"});
  ASSERT_GT(lines.size(), 6U);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    EXPECT_LE(lines[i].size(), std::size_t{64} << 10);
    sum += lines[i];
  }
  EXPECT_EQ(sum, long_line + long_line);
  EXPECT_EQ(lines.back(), "next");
}

/// A rank's output with both its pipes; what reaches the launcher's files is read from `shown`.
struct Fixture {
  explicit Fixture(const std::filesystem::path& log) : output(3, log, queue) {}
  void say(const std::string& text) {
    Pipe pipe = Pipe::open();
    ASSERT_EQ(::write(pipe.write.number(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    pipe.write.close();
    output.read(pipe.read, STDOUT_FILENO);
    output.read(pipe.read, STDOUT_FILENO);
    EXPECT_FALSE(pipe.read.is_open());
  }
  OutputQueue queue;
  RankOutput output;
};

TEST(RankOutput, PutsTheRankBeforeWholeLinesAndKeepsTheLastOne) {
  test::TemporaryFolder folder;
  Fixture rank(folder / "rank-3.log");
  testing::internal::CaptureStdout();
  rank.output.note("--- start");
  rank.say("first\nsec");
  rank.say("ond\n  \n");
  EXPECT_EQ(rank.output.last_line(), "second");  // a blank line says nothing
  rank.say("begun");
  rank.output.finish();
  rank.queue.write_all();
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "[rank 3] first\n[rank 3] second\n[rank 3]   \n[rank 3] begun\n");
  EXPECT_EQ(read_file(folder / "rank-3.log"), "--- start\nfirst\nsecond\n  \nbegun\n");
  EXPECT_EQ(rank.output.last_line(), "begun");
}

TEST(RankOutput, LastLineIsCutBetweenCharacters) {
  Fixture rank("");
  rank.say(std::string(199, 'a').append("\xC3\xBC\n"));
  EXPECT_EQ(rank.output.last_line(), std::string(199, 'a'));
}

TEST(RankOutput, ALogThatCannotBeOpenedIsRefusedByName) {
  OutputQueue queue;
  try {
    RankOutput output(0, "/proc/none/rank-0.log", queue);
    FAIL() << "no error";
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--log-dir: /proc/none/rank-0.log: "));
  }
}

TEST(RankOutput, AFullDiskEndsTheLogAndNotTheRank) {
  test::TemporaryFolder folder;
  Fixture rank(folder / "rank-3.log");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{8, before.rlim_max};
  testing::internal::CaptureStdout();  // before the limit: it makes a file
  testing::internal::CaptureStderr();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  rank.say("0123456789\nmore\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  rank.queue.write_all();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "[rank 3] 0123456789\n[rank 3] more\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("precinct launch: [^\n]*rank-3.log: [^\n]*expected[^\n]*\n"));
}

}  // namespace
}  // namespace precinct::launch
