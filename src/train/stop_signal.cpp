// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stop_signal.h"

#include <exception>

namespace precinct::train {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
int num_living = 0;

void remember(int number) { stop_signal = number; }

}  // namespace

StopSignal::StopSignal(const std::vector<int>& signals)
    : num_exceptions_(std::uncaught_exceptions()) {
  ++num_living;
  for (const int number : signals) {
    struct sigaction action {};
    action.sa_handler = remember;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    if (number == SIGINT) action.sa_flags |= static_cast<int>(SA_RESETHAND);  // twice: at once
    previous_.emplace_back(number, action);
    sigaction(number, &action, &previous_.back().second);
  }
}

StopSignal::~StopSignal() {
  const bool is_failing = std::uncaught_exceptions() > num_exceptions_;
  for (const auto& [number, action] : previous_)
    if (!is_failing || number != SIGTERM) sigaction(number, &action, nullptr);
  if (--num_living == 0) stop_signal = 0;
}

void StopSignal::ignore_from_now_on() {
  for (const auto& entry : previous_) std::signal(entry.first, SIG_IGN);
  previous_.clear();
}

int StopSignal::received() { return stop_signal; }

}  // namespace precinct::train
