// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stop_signal.h"

#include <array>
#include <csignal>

namespace precinct::train {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
constexpr std::array kSignals = {SIGTERM, SIGUSR1, SIGINT};
std::array<struct sigaction, kSignals.size()> previous;

void remember(int number) { stop_signal = number; }

}  // namespace

StopSignal::StopSignal() {
  stop_signal = 0;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = remember;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    if (kSignals[i] == SIGINT) action.sa_flags |= static_cast<int>(SA_RESETHAND);  // twice: at once
    sigaction(kSignals[i], &action, &previous[i]);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
}

int StopSignal::received() { return stop_signal; }

}  // namespace precinct::train
