// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/job_attempt.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace precinct::launch {
namespace {

using std::chrono::milliseconds;

/// Between looks at the children of a rank that has ended: nobody tells when the last one goes.
constexpr milliseconds kLook{20};
/// For children that a rank leaves behind to end by themselves.
constexpr milliseconds kLinger{500};
/// For the other ranks to say what the first one has found wrong.
constexpr milliseconds kRefusals{1000};
/// The same signal again within this time is the same request (timeout(1) sends two).
constexpr milliseconds kSameRequest{500};

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

JobAttempt::JobAttempt(JobSurroundings surroundings, std::vector<RankProcess> processes,
                       std::int64_t first_rank, std::int64_t restart_count)
    : around_(std::move(surroundings)), memory_kills_(memory_.count()), start_(Clock::now()) {
  ranks_.reserve(processes.size());
  for (auto& process : processes) {
    const auto rank = first_rank + static_cast<std::int64_t>(ranks_.size());
    const auto log = around_.log_dir.empty() ? around_.log_dir
                                             : around_.log_dir / fmt::format("rank-{}.log", rank);
    RankEnd end;
    end.rank = rank;
    end.pid = process.pid();
    around_.guard.watch(end.pid);
    ranks_.push_back({std::move(process), RankOutput(rank, log, around_.output), end});
    ranks_.back().output.note(fmt::format("--- precinct launch: start {}, rank {}, pid {}, {}",
                                          restart_count + 1, rank, end.pid, date_now()));
  }
}

void JobAttempt::run() {
  while (!is_over()) {
    wait_for_something();
    take_signals();
    reap();
    end_children_of_ended();
    end_what_is_due();
  }
  close_outputs();
}

std::vector<RankEnd> JobAttempt::ends() const {
  std::vector<RankEnd> ends;
  for (const Rank& rank : ranks_) {
    ends.push_back(rank.end);
    ends.back().last_line = rank.output.last_line();
  }
  return ends;
}

bool JobAttempt::is_over() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.is_gone; });
}

/// Returns at a signal, at output, when output can be written on, or when something is due.
void JobAttempt::wait_for_something() {
  std::vector<pollfd> files = {{around_.signals.number(), POLLIN, 0},
                               {around_.output.waiting_for(), POLLOUT, 0}};
  struct Source {
    Rank* rank;
    FileDescriptor* pipe;
    int file;
  };
  std::vector<Source> sources;
  std::optional<Clock::time_point> due = was_told_ ? kill_at_ : term_at_;
  for (Rank& rank : ranks_) {
    if (rank.has_ended && !rank.is_gone)
      due = std::min(due.value_or(Clock::now() + kLook), Clock::now() + kLook);
    if (around_.output.is_full()) continue;
    for (const int file : {STDOUT_FILENO, STDERR_FILENO}) {
      auto& pipe = file == STDOUT_FILENO ? rank.process.out() : rank.process.err();
      if (!pipe.is_open()) continue;
      sources.push_back({&rank, &pipe, file});
      files.push_back({pipe.number(), POLLIN, 0});
    }
  }
  int wait_ms = -1;
  if (due)
    wait_ms = static_cast<int>(
        std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(*due - Clock::now()).count()));
  if (::poll(files.data(), files.size(), wait_ms) < 0) return;  // EINTR: look again
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (files[i + 2].revents != 0) sources[i].rank->output.read(*sources[i].pipe, sources[i].file);
  around_.output.write_some();
}

void JobAttempt::take_signals() {
  for (const int signal : around_.signals.take()) {
    if (signal == SIGTSTP) {
      say("SIGTSTP came (Ctrl-Z) and is not followed: the ranks need this process; Ctrl-C ends the "
          "job");
    } else if (signal != SIGCHLD) {
      pass_on(signal);
    }
  }
}

/// The second request to stop ends what is left after the grace.
void JobAttempt::pass_on(int signal) {
  const auto now = Clock::now();
  if (signal == passed_on_ && last_passed_ && now - *last_passed_ < kSameRequest) return;
  if (passed_on_ != 0 && passed_on_ != SIGUSR1 && signal != SIGUSR1 && !was_told_) {
    was_told_ = true;
    kill_at_ = now + around_.grace;
  }
  passed_on_ = signal;
  last_passed_ = now;
  say(fmt::format("{} came and is passed on to all ranks", signal_name(signal)));
  send_to_all(signal == SIGHUP ? SIGTERM : signal);
}

void JobAttempt::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
        info.si_pid == 0)
      return;
    if (info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED) {
      note_stop(info.si_pid, info.si_code == CLD_STOPPED);
      continue;
    }
    Rank* rank = rank_of(info.si_pid);  // null: a child of a rank that has ended
    if (rank == nullptr) continue;
    rank->process.set_reaped();
    const bool has_code = info.si_code == CLD_EXITED;
    on_end(*rank, has_code ? info.si_status : 0, has_code ? 0 : info.si_status);
  }
}

void JobAttempt::note_stop(pid_t pid, bool is_held) {
  Rank* rank = rank_of(pid);
  if (rank == nullptr || rank->is_held == is_held) return;
  rank->is_held = is_held;
  around_.watch.set_held(rank->end.rank, is_held);
  say(is_held ? fmt::format("rank {} (pid {}) was stopped by a signal; it goes on after "
                            "'kill -CONT {}'",
                            rank->end.rank, pid, pid)
              : fmt::format("rank {} (pid {}) goes on", rank->end.rank, pid));
}

void JobAttempt::on_end(Rank& rank, int code, int signal) {
  rank.has_ended = true;
  rank.ended_at = Clock::now();
  rank.end.seconds = seconds();
  rank.end.code = code;
  rank.end.signal = signal;
  rank.end.was_told = was_told_;
  rank.end.was_stopped = rank.is_held && was_told_;
  const int behind = signal != 0 ? signal : code - 128;  // a shell between says it with its code
  if (behind == SIGKILL && !was_told_) {
    const std::int64_t kills = memory_.count();
    rank.end.out_of_memory = kills > memory_kills_;
    memory_kills_ = kills;
  }
  const bool as_asked = passed_on_ != 0 && behind == (passed_on_ == SIGHUP ? SIGTERM : passed_on_);
  if (!has_failed(rank.end) || as_asked || was_told_) return;
  const auto at = Clock::now() + (may_be_an_answer(rank.end) ? around_.patience
                                  : is_refusal(rank.end)     ? kRefusals
                                                             : milliseconds(0));
  term_at_ = std::min(term_at_.value_or(at), at);
}

/// Processes that a rank left behind are killed soon, but when a stop was asked for they may be
/// saving: then only a second request or a failure ends them.
void JobAttempt::end_children_of_ended() {
  const auto now = Clock::now();
  const bool may_go_on = passed_on_ != 0 && !was_told_ && !term_at_;
  for (Rank& rank : ranks_) {
    if (!rank.has_ended || rank.is_gone) continue;
    const bool is_due = !may_go_on && now - rank.ended_at >= kLinger;
    rank.is_gone = !rank.process.send(is_due ? SIGKILL : 0);
    if (rank.is_gone) around_.guard.forget(rank.process.pid());
  }
}

void JobAttempt::end_what_is_due() {
  const auto now = Clock::now();
  if (!was_told_ && term_at_ && now >= *term_at_) {
    was_told_ = true;
    kill_at_ = now + around_.grace;
    for (const Rank& rank : ranks_)  // one that is held would not hear SIGTERM
      if (!rank.is_gone) static_cast<void>(rank.process.send(rank.is_held ? SIGKILL : SIGTERM));
  }
  if (was_told_ && kill_at_ && now >= *kill_at_) {
    kill_at_.reset();
    send_to_all(SIGKILL);
  }
}

void JobAttempt::send_to_all(int signal) {
  for (const Rank& rank : ranks_)
    if (!rank.is_gone) static_cast<void>(rank.process.send(signal));
}

/// What is still in the pipes; a process that left its group and keeps one open is not waited for.
void JobAttempt::close_outputs() {
  for (Rank& rank : ranks_) {
    if (rank.process.out().is_open()) rank.output.read(rank.process.out(), STDOUT_FILENO);
    if (rank.process.err().is_open()) rank.output.read(rank.process.err(), STDERR_FILENO);
    rank.output.finish();
  }
  around_.output.write_some();
}

void JobAttempt::say(const std::string& text) {
  around_.output.push(STDERR_FILENO, fmt::format("precinct launch: {}\n", text));
  around_.output.write_some();
}

JobAttempt::Rank* JobAttempt::rank_of(pid_t pid) {
  const auto found = std::find_if(ranks_.begin(), ranks_.end(), [pid](const Rank& rank) {
    return rank.process.pid() == pid && !rank.has_ended;
  });
  return found == ranks_.end() ? nullptr : &*found;
}

double JobAttempt::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

}  // namespace precinct::launch
