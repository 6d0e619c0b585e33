// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/heartbeat.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "parallel/call_checker.h"
#include "parallel/hang_rule.h"
#include "parallel/host_address.h"

namespace precinct::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// At least so often, so that the last one of a rank that is killed is no old news.
constexpr Milliseconds kBeatEvery{500};
/// Of how many neighbours the calls are compared while this rank does not wait.
constexpr std::int64_t kNeighbours = 4;

double seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// The last call of the group that the waiting rank waits in, as the other rank made it.
std::string last_call_text(const Beat& beat) {
  const Beat::Group* latest = nullptr;
  for (const auto& group : beat.groups)
    if (group.last.number > 0 && (latest == nullptr || group.name != "world")) latest = &group;
  if (latest == nullptr) return "no call yet";
  return fmt::format("last call {} #{} ({})", latest->last.text, latest->last.number, latest->name);
}

}  // namespace

class Heartbeat::Thread : public std::enable_shared_from_this<Thread> {
 public:
  Thread(JobLife life, std::shared_ptr<Progress> progress, const Options& options,
         std::function<void(const std::string&)> give_up)
      : life_(std::move(life)),
        progress_(std::move(progress)),
        options_(options),
        give_up_(std::move(give_up)),
        host_(host_name()) {}

  /// The thread keeps this object alive: it may outlive its owner in a store that does not answer.
  void start() {
    std::thread([self = shared_from_this()] { self->run(); }).detach();
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stops_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(2), [&] { return has_ended_; });
    give_up_ = {};
  }

 private:
  void run() {
    try {
      write_beat();
      const Milliseconds look_every = options_.every / 2;
      auto next_look = Clock::now() + look_every;
      while (!rest(std::min(look_every, kBeatEvery))) {
        write_beat();
        if (Clock::now() < next_look) continue;
        next_look = Clock::now() + look_every;
        look();
      }
      write_beat();
    } catch (
        const Error&) {  // the store is gone, or out of reach: calls say so after their timeout
    }
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
  }

  /// Whether it is time to end.
  bool rest(Milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return stops_; });
  }

  void look() {
    if (const auto verdict = life_.verdict()) return end(*verdict);
    if (life_.calls_are_asked_for() && !has_shown_) show_calls();
    const auto now = progress_->snapshot();
    for (const std::int64_t rank : ranks_to_look_at(now)) {
      const auto beat = life_.last_beat(rank);
      if (!beat) continue;
      if (compare_calls(rank, *beat)) return;
      const bool is_awaited = std::find(now.awaited.ranks.begin(), now.awaited.ranks.end(), rank) !=
                              now.awaited.ranks.end();
      if (!now.is_waiting || !is_awaited) continue;
      const Awaited other = awaited(rank, *beat);
      if (hangs(other, every_s(), timeout_s())) return declare(hang_of(rank, *beat, now));
      if (wait_crosswise(now, progress_->groups(), other, every_s()))
        return declare(crosswise(rank, *beat, now));
    }
  }

  double every_s() const { return seconds(options_.every); }
  double timeout_s() const { return seconds(options_.timeout); }

  void write_beat() {
    const auto now = progress_->snapshot();
    Beat beat{++beats_,    host_,      ::getpid(), now.step,  now.phase,
              now.changes, now.idle_s, "",         now.usual, {}};
    if (now.is_waiting) {
      beat.waits_for = now.awaited.call;
      beat.waits_in = now.awaited.group;
      beat.waits_number = now.awaited.number;
    }
    for (const auto& group : progress_->groups())
      beat.groups.push_back({group.id, group.name, group.calls->last().value_or(PastCall{})});
    life_.beat(options_.rank, beat);
  }

  /// Those it waits for; else a few, whose calls are compared.
  std::vector<std::int64_t> ranks_to_look_at(const Progress::Snapshot& now) const {
    std::vector<std::int64_t> ranks;
    if (now.is_waiting && now.waiting_s >= every_s() / 2) {
      for (const int rank : now.awaited.ranks)
        if (rank != options_.rank) ranks.push_back(rank);
      return ranks;
    }
    for (std::int64_t i = 1; i <= std::min(kNeighbours, options_.world_size - 1); ++i)
      ranks.push_back((options_.rank + i) % options_.world_size);
    return ranks;
  }

  struct Seen {
    std::uint64_t number = 0, changes = 0;
    int beats = 0;
    Clock::time_point at;
  };

  Awaited awaited(std::int64_t rank, const Beat& beat) {
    Seen& seen = seen_[rank];
    if (seen.changes != beat.changes) seen.beats = 0;
    if (seen.number != beat.number || seen.beats == 0) {
      seen = {beat.number, beat.changes, seen.beats + 1, Clock::now()};
    }
    return {beat, seen.beats, seconds(Clock::now() - seen.at), life_.is_held(rank)};
  }

  std::string hang_of(std::int64_t rank, const Beat& beat, const Progress::Snapshot& now) {
    const bool is_held = life_.is_held(rank);
    const auto usual = beat.usual.find(beat.phase);
    const double idle = beat.idle_s + (is_held ? seconds(Clock::now() - seen_[rank].at) : 0);
    return fmt::format(
        "rank {} ({}, pid {}): expected to join {} like rank {}, found it {} in phase {} of step "
        "{} for {:.1f} s{}, {}; {}",
        rank, beat.host, beat.pid, now.awaited.call, options_.rank,
        is_held ? "stopped by a signal" : "without progress", beat.phase, beat.step, idle,
        usual == beat.usual.end() ? ""
                                  : fmt::format(" (usual: up to {:.2g} s)", usual->second.p99_s),
        last_call_text(beat),
        is_held ? "see who sent it SIGSTOP, then start the job again"
                : "see what it waits for (its disk, a lock), then start the job again");
  }

  std::string crosswise(std::int64_t rank, const Beat& beat, const Progress::Snapshot& now) const {
    return fmt::format(
        "step {}: expected the same calls in the same order on all ranks, found rank {} waiting in "
        "{} and rank {} waiting in {}; look for a branch that only some ranks take",
        now.step, options_.rank, now.awaited.call, rank, beat.waits_for);
  }

  /// Whether the calls of that rank differ from this one's, which is then declared.
  bool compare_calls(std::int64_t rank, const Beat& beat) {
    for (const auto& group : progress_->groups()) {
      const auto other = std::find_if(beat.groups.begin(), beat.groups.end(),
                                      [&](const Beat::Group& g) { return g.id == group.id; });
      if (other == beat.groups.end() || other->last.number == 0) continue;
      const auto own = group.calls->at(other->last.number);
      if (!own || own->hash == other->last.hash) continue;
      declare_difference(rank, group, *own, other->last);
      return true;
    }
    return false;
  }

  void declare_difference(std::int64_t rank, const Progress::Group& group, const PastCall& own,
                          const PastCall& other) {
    life_.ask_for_calls();
    show_calls();
    CallDifference found{own.number, own.text, other.text, false};
    if (const auto shown = life_.shown_calls(rank, group.id, 2 * options_.every))
      if (const auto first = first_difference(CallHistory::read(group.calls->dump()), *shown))
        found = *first;
    declare(difference_text(group.name, found, options_.rank, rank));
  }

  void show_calls() {
    has_shown_ = true;
    for (const auto& group : progress_->groups())
      life_.show_calls(options_.rank, group.id, *group.calls);
  }

  void declare(const std::string& verdict) {
    life_.declare(verdict);
    end(life_.verdict().value_or(verdict));
  }

  /// Gives up what this rank waits for, and ends the process when that does not help.
  void end(const std::string& verdict) {
    {
      const std::lock_guard lock(mutex_);
      if (stops_) return;
      give_up_(verdict);
    }
    if (rest(options_.patience)) return;
    std::fprintf(stderr, "rank %lld: ended: %s\n", static_cast<long long>(options_.rank),
                 verdict.c_str());
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(ExitCode::kCommunication));
  }

  JobLife life_;
  const std::shared_ptr<Progress> progress_;
  const Options options_;
  std::function<void(const std::string&)> give_up_;
  const std::string host_;
  std::uint64_t beats_ = 0;
  bool has_shown_ = false;
  std::map<std::int64_t, Seen> seen_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stops_ = false, has_ended_ = false;
};

Heartbeat::Heartbeat(JobLife life, std::shared_ptr<Progress> progress, const Options& options,
                     std::function<void(const std::string&)> give_up)
    : thread_(std::make_shared<Thread>(std::move(life), std::move(progress), options,
                                       std::move(give_up))) {
  thread_->start();
}

Heartbeat::~Heartbeat() { thread_->stop(); }

}  // namespace precinct::parallel
