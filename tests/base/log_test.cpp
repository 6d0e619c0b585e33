// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

/// Gives the process its logger and NO_COLOR back.
class Log : public testing::Test {
 protected:
  void TearDown() override {
    spdlog::set_default_logger(before_);
    if (no_color_)
      ::setenv("NO_COLOR", no_color_->c_str(), 1);
    else
      ::unsetenv("NO_COLOR");
  }

 private:
  static std::unique_ptr<std::string> no_color() {
    const char* value = std::getenv("NO_COLOR");
    return value == nullptr ? nullptr : std::make_unique<std::string>(value);
  }
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::unique_ptr<std::string> no_color_ = no_color();
};

std::string on_stderr(const std::function<void()>& act) {
  testing::internal::CaptureStderr();
  act();
  return testing::internal::GetCapturedStderr();
}

/// What arrives at a terminal that is stderr while `act` runs; empty when there is no terminal.
std::string on_a_terminal(const std::function<void()>& act) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return "";
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY), saved = ::dup(STDERR_FILENO);
  if (terminal < 0) return "";
  ::dup2(terminal, STDERR_FILENO);
  act();
  ::dup2(saved, STDERR_FILENO);
  std::string text;  // a terminal hands a line over in pieces
  pollfd ready{master, POLLIN, 0};
  while (text.find('\n') == std::string::npos && ::poll(&ready, 1, 5000) > 0) {
    char piece[4096];
    const auto size = ::read(master, piece, sizeof piece);
    if (size <= 0) break;
    text.append(piece, static_cast<std::size_t>(size));
  }
  for (const int file : {master, terminal, saved}) ::close(file);
  return text;
}

void say_hello() {
  start_logging(/*verbose=*/false);
  spdlog::info("hello");
}

TEST_F(Log, LineOnStderrIsTimeLevelTextWithoutColoursInAPipe) {
  EXPECT_THAT(on_stderr(say_hello), MatchesRegex("[0-9][0-9]:[0-9][0-9]:[0-9][0-9] info hello\n"));
}

TEST_F(Log, DetailsAreForVerboseAlone) {
  const auto say = [](bool verbose) {
    return on_stderr([=] {
      start_logging(verbose);
      spdlog::debug("detail");
    });
  };
  EXPECT_EQ(say(false), "");
  EXPECT_THAT(say(true), HasSubstr(" debug detail\n"));
}

TEST_F(Log, ATerminalGetsColoursUnlessNoColorIsSet) {
  ::unsetenv("NO_COLOR");
  const std::string coloured = on_a_terminal(say_hello);
  if (coloured.empty()) GTEST_SKIP() << "not run: this machine has no pseudo terminals";
  EXPECT_THAT(coloured, HasSubstr("\033["));
  ::setenv("NO_COLOR", "1", 1);
  const std::string plain = on_a_terminal(say_hello);
  EXPECT_THAT(plain, HasSubstr(" info hello"));
  EXPECT_THAT(plain, Not(HasSubstr("\033[")));
}

TEST_F(Log, FileIsMadeWithItsFolderAndAppendedTo) {
  const test::TemporaryFolder folder;
  const auto path = folder / "run" / "log" / "rank-0.log";
  const auto err = on_stderr([&] {
    for (const char* text : {"first start", "second start"}) {
      start_logging(/*verbose=*/false);
      add_log_file(path);
      spdlog::warn(text);
    }
  });
  // read while the logger lives: a line reaches the file at once, not at the process' end
  EXPECT_THAT(
      read_file(path),
      MatchesRegex("[^\n]*T[^\n]* warning first start\n[^\n]*T[^\n]* warning second start\n"));
  EXPECT_THAT(err, HasSubstr("second start")) << "stderr keeps its lines beside a file";
}

TEST_F(Log, FileThatCannotBeOpenedIsAnErrorOfFourParts) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder / "log", "a file where a folder should be");
  start_logging(/*verbose=*/false);
  try {
    add_log_file(folder / "log" / "rank-0.log");
    FAIL() << "a log file below a file";
  } catch (const IoError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with((folder / "log" / "rank-0.log").string())) << text;
    for (const char* part : {"expected", "found", "choose another"})
      EXPECT_THAT(text, HasSubstr(part));
    EXPECT_THAT(text, Not(HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace precinct
