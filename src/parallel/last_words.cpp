// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/last_words.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "parallel/made_until.h"

namespace precinct::parallel {
namespace {

struct Speaker {
  std::mutex mutex;
  std::int64_t rank = 0;
  std::weak_ptr<const Progress> progress;
  std::function<std::optional<std::string>()> leave;
  std::terminate_handler before = nullptr;
};

/// Never destroyed: a process may be terminated while its static objects go.
Speaker& speaker() {
  static auto* one = new Speaker;
  return *one;
}

std::string text_of_exception() {
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::exception& caught) {
    const std::string text = caught.what();
    return "'" + text.substr(0, std::min<std::size_t>(text.find('\n'), 200)) + "'";
  } catch (...) {
    return "of no known kind";
  }
}

/// Whether Gloo threw it, whose headers do not show its types: in a thread of its own, when the
/// sizes of a call differ.
bool is_of_gloo() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return type != nullptr && std::string_view(type->name()).starts_with("N4gloo");
}

std::string doing(const Progress& progress) {
  const auto now = progress.snapshot();
  std::string text = fmt::format("step {}, phase {}", now.step, now.phase);
  if (now.is_waiting) return text + ", waiting for " + now.awaited.call;
  for (const auto& group : progress.groups())
    if (const auto last = group.calls->last())
      text += fmt::format(", last call {} #{} ({})", last->text, last->number, group.name);
  return text;
}

[[noreturn]] void speak() {
  if (const auto progress = speaker().progress.lock()) {
    const auto rank = speaker().rank;
    std::string line;
    if (is_of_gloo()) {
      line = fmt::format(
          "rank {}: expected calls of one size on all ranks, found {} in {}; compare with the "
          "calls that the other ranks name, parallel.check: true compares them before they are "
          "made\n",
          rank, text_of_exception(), doing(*progress));
    } else if (std::current_exception()) {
      line = fmt::format("rank {}: ended by an uncaught exception {} in {}; catch it in main\n",
                         rank, text_of_exception(), doing(*progress));
    } else {
      line = fmt::format("rank {}: ended by std::terminate in {}; see who calls it\n", rank,
                         doing(*progress));
    }
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
    try {  // a store that does not answer keeps nobody
      if (const auto leave = speaker().leave)
        if (const auto verdict =
                made_until(std::chrono::steady_clock::now() + std::chrono::seconds(1), leave)
                    .value_or(std::nullopt))
          std::fprintf(stderr, "rank %lld: ended: %s\n", static_cast<long long>(speaker().rank),
                       verdict->c_str());
    } catch (const std::exception&) {  // the store has gone
    }
    std::fflush(stderr);
  }
  if (speaker().before != nullptr) speaker().before();
  std::abort();
}

}  // namespace

void say_last_words_of(std::int64_t rank, std::weak_ptr<const Progress> progress,
                       std::function<std::optional<std::string>()> leave) {
  Speaker& one = speaker();
  const std::lock_guard lock(one.mutex);
  one.rank = rank;
  one.progress = std::move(progress);
  one.leave = std::move(leave);
  if (std::get_terminate() != speak) one.before = std::set_terminate(speak);
}

}  // namespace precinct::parallel
