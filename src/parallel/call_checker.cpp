// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/call_checker.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/error.h"

namespace precinct::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// "<hash> <text>".
std::string value_of(std::uint64_t hash, const std::string& text) {
  return fmt::format("{:016x} {}", hash, text);
}
std::string text_of(const std::string& value) {
  return value.substr(std::min<std::size_t>(17, value.size()));
}

/// How long a rank waits for others through the store. It begins anew, once, when the store or this
/// process was held up meanwhile: the others are not to blame for that.
class Patience {
 public:
  explicit Patience(Milliseconds limit) : limit_(limit), end_(Clock::now() + limit) {}
  /// How long to look now, at most what `while_waiting` says.
  Milliseconds look(const std::function<Milliseconds()>& while_waiting) {
    looked_ = Clock::now();
    const auto longest = while_waiting();
    slice_ = std::clamp(std::chrono::duration_cast<Milliseconds>(end_ - Clock::now()),
                        Milliseconds(0), longest);
    return slice_;
  }
  bool is_over() {
    const auto now = Clock::now();
    if (!has_renewed_ && now - looked_ > slice_ + limit_ / 4) {
      has_renewed_ = true;
      end_ = now + limit_;
    }
    return now >= end_;
  }

 private:
  const Milliseconds limit_;
  Clock::time_point end_, looked_;
  Milliseconds slice_{0};
  bool has_renewed_ = false;
};

}  // namespace

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", fmt::join(ranks, ", "));
}

CallChecker::CallChecker(std::unique_ptr<Store> store, std::string group, int rank,
                         std::vector<int> world_ranks, std::chrono::milliseconds timeout,
                         std::function<std::chrono::milliseconds()> while_waiting)
    : store_(std::move(store)),
      group_(std::move(group)),
      rank_(rank),
      world_ranks_(std::move(world_ranks)),
      timeout_(timeout),
      while_waiting_(std::move(while_waiting)) {}

void CallChecker::compare_collective(const CallRecord& record, std::uint64_t hash) {
  compare_all(fmt::format("call/{}", record.number), value_of(hash, record.text()), record);
}

void CallChecker::compare_history(const CallHistory& history, std::uint64_t num_calls,
                                  std::uint64_t hash) {
  CallRecord record;
  record.number = num_calls;
  record.detail = "comparison of the calls so far";
  compare_all(fmt::format("history/{}", ++compared_),
              value_of(hash, fmt::format("{} calls with hash {:016x}", num_calls, hash)), record,
              &history);
}

void CallChecker::compare_all(const std::string& key, const std::string& own,
                              const CallRecord& record, const CallHistory* history) {
  const int size = static_cast<int>(world_ranks_.size());
  const std::string own_key = fmt::format("{}/{}", key, rank_);
  store_->set(own_key, own);
  Patience patience(timeout_);
  std::vector<std::string> values(world_ranks_.size());
  std::vector<int> missing;
  for (int r = 0; r < size; ++r) {
    std::optional<std::string> value;
    if (r == rank_) value = own;
    do {
      if (value) break;
      value = store_->get(fmt::format("{}/{}", key, r), patience.look(while_waiting_));
    } while (!value && !patience.is_over());
    if (value) {
      values[static_cast<std::size_t>(r)] = *value;
    } else {
      missing.push_back(world_ranks_[static_cast<std::size_t>(r)]);
    }
  }
  PRECINCT_CHECK(missing.empty(), CommError,
                 "rank {}: {}: expected all {} ranks to join within {} s, found {} missing; look "
                 "there: it died, hangs or left the call out",
                 world_ranks_[static_cast<std::size_t>(rank_)], record.text_in(group_), size,
                 static_cast<double>(timeout_.count()) / 1e3, ranks_text(missing));
  if (std::any_of(values.begin(), values.end(), [&](const auto& v) { return v != own; }))
    disagree(values, record, history);
  // every rank that is here has read all values of the comparison before
  old_keys_.push_back(own_key);
  if (old_keys_.size() > 2) {
    store_->remove(old_keys_.front());
    old_keys_.erase(old_keys_.begin());
  }
}

std::string CallChecker::first_that_differs(const std::vector<std::string>& values,
                                            const CallHistory& history) const {
  const auto key = [](std::size_t rank) { return fmt::format("calls/{}", rank); };
  const auto rank = static_cast<std::size_t>(rank_);
  store_->set(key(rank), history.dump());
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (values[r] == values[rank]) continue;
    const auto shown = store_->get(key(r), std::min(timeout_, std::chrono::milliseconds(2000)));
    if (!shown) continue;
    if (const auto first =
            first_difference(CallHistory::read(history.dump()), CallHistory::read(*shown)))
      return fmt::format("; call #{} is {} on rank {} and {} on rank {}{}", first->number,
                         first->own, world_ranks_[rank], first->other, world_ranks_[r],
                         first->is_first && first->own != first->other
                             ? ""
                             : ", but an earlier call or step differs");
  }
  return "";
}

void CallChecker::disagree(const std::vector<std::string>& values, const CallRecord& record,
                           const CallHistory* history) const {
  std::vector<std::pair<std::string, std::vector<int>>> sides;
  for (std::size_t r = 0; r < values.size(); ++r) {
    auto side = std::find_if(sides.begin(), sides.end(),
                             [&](const auto& one) { return one.first == values[r]; });
    if (side == sides.end()) side = sides.insert(sides.end(), {values[r], {}});
    side->second.push_back(world_ranks_[r]);
  }
  std::string text;
  bool calls_differ = false;
  for (const auto& [value, ranks] : sides) {
    text +=
        fmt::format("{}{} on {}", text.empty() ? "" : " and ", text_of(value), ranks_text(ranks));
    calls_differ |= text_of(value) != text_of(sides.front().first);
  }
  if (history != nullptr) text += first_that_differs(values, *history);
  throw CommError(fmt::format(
      "group {}, call #{}: expected the same call on all ranks, found {}{}; look for a branch that "
      "only some ranks take",
      group_, record.number, text, calls_differ ? "" : ", but an earlier call or step differs"));
}

CallChecker::Message CallChecker::count(const CallRecord& record, int peer, int tag) {
  const bool is_send = record.operation == Operation::kSend;
  Message message{record, peer, "", ++messages_[{is_send, peer, tag}]};
  const int from = is_send ? rank_ : peer, to = is_send ? peer : rank_;
  message.key = fmt::format("message/{}/{}/{}/{}", from, to, tag, message.number);
  return message;
}

void CallChecker::announce(const Message& message) {
  store_->set(message.key, message.record.shape);
}

CommError CallChecker::missing(const Message& message, const char* what, Milliseconds limit) const {
  return CommError(fmt::format(
      "rank {}: {}: expected the matching {} of rank {} within {} s, found none; look there: it "
      "died, hangs or left the call out",
      world_ranks_[static_cast<std::size_t>(rank_)], message.record.text_in(group_), what,
      world_ranks_[static_cast<std::size_t>(message.peer)],
      static_cast<double>(limit.count()) / 1e3));
}

void CallChecker::await_sender(const Message& message, Milliseconds waited, Milliseconds limit) {
  if (waited >= limit) throw missing(message, "send", limit);
  if (message.key.empty()) {  // one before it is waited for
    std::this_thread::sleep_for(Milliseconds(1));
  } else {
    store_->get(message.key, std::min(limit - waited, Milliseconds(20)));
  }
}

bool CallChecker::try_received(const Message& message) {
  const auto sent = store_->get(message.key, std::chrono::milliseconds(0));
  if (sent) answer(message, *sent);
  return sent.has_value();
}

void CallChecker::answer(const Message& message, const std::string& sent) {
  std::string answer = "ok";
  if (sent != message.record.shape)
    answer = fmt::format(
        "group {}, message #{}: expected equal tensors at both ends, found send {} on rank {} and "
        "recv {} on rank {} ({}); let both ends agree",
        group_, message.number, sent, world_ranks_[static_cast<std::size_t>(message.peer)],
        message.record.shape, world_ranks_[static_cast<std::size_t>(rank_)], message.record.detail);
  store_->set(message.key + "/answer", answer);
  store_->remove(message.key);
  if (answer != "ok") throw CommError(answer);
}

void CallChecker::await_answer(const Message& message, Milliseconds limit) {
  Patience patience(limit);
  std::optional<std::string> answer;
  do {
    answer = store_->get(message.key + "/answer", patience.look(while_waiting_));
    if (!answer && patience.is_over()) throw missing(message, "recv", limit);
  } while (!answer);
  store_->remove(message.key + "/answer");
  if (*answer != "ok") throw CommError(*answer);
}

}  // namespace precinct::parallel
