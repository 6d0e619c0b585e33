// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/job_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <map>

#include "base/error.h"

namespace precinct::launch {
namespace {

constexpr int kStopped = static_cast<int>(ExitCode::kStoppedOnRequest);
constexpr int kCommunication = static_cast<int>(ExitCode::kCommunication);
constexpr int kDevice = static_cast<int>(ExitCode::kDevice);

/// The signal behind the end, also when a shell between hands it on as code 128 + n.
int signal_of(const RankEnd& end) {
  if (end.signal != 0) return end.signal;
  return end.code > 128 && end.code <= 128 + 64 ? end.code - 128 : 0;
}

/// Lower is likelier to be the cause.
int order_of(const RankEnd& end) {
  if (may_be_an_answer(end)) return 2;
  return signal_of(end) != 0 ? 0 : 1;
}

const RankEnd& cause_among(const std::vector<const RankEnd*>& failed) {
  return **std::min_element(failed.begin(), failed.end(), [](const auto* a, const auto* b) {
    return std::pair(order_of(*a), a->seconds) < std::pair(order_of(*b), b->seconds);
  });
}

/// Another try may go better: the rank was killed, lost a peer, or ended with a code that is none
/// of ours.
bool may_restart_after(const RankEnd& end) {
  if (end.out_of_memory) return false;
  if (signal_of(end) != 0) return true;
  constexpr std::array kFinal = {2, 3, 5, 6, 7, 8, 70, kStopped, 126, 127};
  return std::find(kFinal.begin(), kFinal.end(), end.code) == kFinal.end();
}

std::string how_it_ended(const RankEnd& end, const JobFacts& facts) {
  const double s = end.seconds;
  if (end.out_of_memory)
    return fmt::format("killed for want of memory (limit: {}) after {:.1f} s",
                       facts.memory_limit.empty() ? "the machine's memory" : facts.memory_limit, s);
  if (end.signal != 0)
    return fmt::format("killed by {} after {:.1f} s", signal_name(end.signal), s);
  return fmt::format("exit code {} after {:.1f} s", end.code, s);
}

/// What a rank that ended by itself wrote last is most often the reason.
std::string advice(const RankEnd& cause, const JobFacts& facts) {
  if (cause.out_of_memory) return "use smaller batches, fewer ranks or a higher limit";
  const std::string where =
      facts.logs.empty() ? facts.without_logs
                         : fmt::format("its output is in {}/rank-{}.log", facts.logs, cause.rank);
  if (cause.signal != 0 || cause.last_line.empty()) return where;
  return fmt::format("{}; its last line: {}", where, cause.last_line);
}

/// What the cause may have waited for in vain: a rank that was held, or had ended well before.
std::string missed_by(const RankEnd& cause, const std::vector<RankEnd>& ends) {
  if (!may_be_an_answer(cause)) return "";
  for (const RankEnd& end : ends) {
    if (end.was_stopped) return fmt::format(" (rank {} was held by SIGSTOP)", end.rank);
    if (end.signal == 0 && end.code == 0 && end.seconds < cause.seconds)
      return fmt::format(" (rank {} had left with exit code 0 at {:.1f} s)", end.rank, end.seconds);
  }
  return "";
}

int job_code(const RankEnd& cause, int passed_on) {
  if (cause.out_of_memory) return kDevice;
  const int signal = signal_of(cause);
  if (signal == 0) return cause.code;
  // a rank that crashes while it saves has not ended by the request
  constexpr std::array kRequests = {SIGHUP, SIGINT, SIGTERM, SIGUSR1};
  const bool by_request =
      cause.was_told || std::find(kRequests.begin(), kRequests.end(), signal) != kRequests.end();
  return passed_on != 0 && by_request ? 128 + passed_on : kCommunication;
}

std::string cause_text(const RankEnd& end) {
  if (end.out_of_memory) return "killed for want of memory";
  std::string how = end.signal != 0 ? "killed by " + signal_name(end.signal)
                                    : fmt::format("exit code {}", end.code);
  if (end.was_stopped) return how + ", was held by SIGSTOP";
  if (!end.was_told) return how;
  return how + (end.signal != 0 ? ", ended by the launcher" : ", told to end");
}

}  // namespace

bool may_be_an_answer(const RankEnd& end) {
  return signal_of(end) == SIGABRT || (end.signal == 0 && end.code == kCommunication);
}

bool is_refusal(const RankEnd& end) {
  constexpr std::array kRefusals = {ExitCode::kUsage, ExitCode::kData, ExitCode::kFile,
                                    ExitCode::kNoCheckpoint};
  return end.signal == 0 && std::find(kRefusals.begin(), kRefusals.end(),
                                      static_cast<ExitCode>(end.code)) != kRefusals.end();
}

bool has_failed(const RankEnd& end) {
  return end.signal != 0 || (end.code != 0 && end.code != kStopped);
}

JobEnd judge(const std::vector<RankEnd>& ends, const JobFacts& facts) {
  std::vector<const RankEnd*> failed, of_themselves;
  bool is_stopped = facts.passed_on != 0;
  for (const RankEnd& end : ends) {
    is_stopped = is_stopped || (end.signal == 0 && end.code == kStopped);
    if (has_failed(end)) failed.push_back(&end);
    if (has_failed(end) && !end.was_told) of_themselves.push_back(&end);
  }
  JobEnd job;
  if (failed.empty()) {
    const bool any_75 = std::any_of(ends.begin(), ends.end(),
                                    [](const RankEnd& end) { return end.code == kStopped; });
    job.exit_code = any_75 ? kStopped : 0;
    if (any_75)
      job.sentence = "stopped on request after saving; run the same command again to go on";
    return job;
  }
  const RankEnd& cause = cause_among(of_themselves.empty() ? failed : of_themselves);
  job.exit_code = job_code(cause, facts.passed_on);
  job.may_restart = !is_stopped && may_restart_after(cause);
  job.shows_table = true;
  if (!facts.verdict.empty() && may_be_an_answer(cause)) {
    job.exit_code = kCommunication;
    job.sentence = facts.verdict;
    return job;
  }
  job.sentence = fmt::format("rank {} ({}, pid {}): expected exit code 0, found {}{}; {}",
                             cause.rank, facts.host, cause.pid, how_it_ended(cause, facts),
                             missed_by(cause, ends), advice(cause, facts));
  return job;
}

std::string rank_table(const std::vector<RankEnd>& ends, const std::string& host) {
  std::size_t host_width = 4, cause_width = 5;
  const bool has_steps =
      std::any_of(ends.begin(), ends.end(), [](const RankEnd& end) { return end.step >= 0; });
  const auto step_text = [&](const std::string& text) {
    return has_steps ? fmt::format("  {:>8}", text) : std::string();
  };
  for (const RankEnd& end : ends) cause_width = std::max(cause_width, cause_text(end).size());
  host_width = std::max(host_width, host.size());
  std::string table =
      fmt::format("{:>5}  {:<{}}  {:>8}  {:>9}{}  {:<{}}  {}\n", "rank", "host", host_width, "pid",
                  "after", step_text("step"), "cause", cause_width, "last line");
  std::map<std::string, std::int64_t> said_by = {{"", -1}};
  for (const RankEnd& end : ends) {
    const auto [said, is_new] = said_by.emplace(end.last_line, end.rank);
    const std::string line = end.last_line.empty() ? "(none)"
                             : is_new              ? end.last_line
                                                   : fmt::format("(as rank {})", said->second);
    table +=
        fmt::format("{:>5}  {:<{}}  {:>8}  {:>7.1f} s{}  {:<{}}  {}\n", end.rank, host, host_width,
                    end.pid, end.seconds, step_text(end.step >= 0 ? std::to_string(end.step) : "-"),
                    cause_text(end), cause_width, line);
  }
  return table;
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

}  // namespace precinct::launch
