// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/stop_signal.h"

#include <csignal>

namespace precinct::train {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
struct sigaction previous_term, previous_usr1;

void remember(int number) { stop_signal = number; }

}  // namespace

StopSignal::StopSignal() {
  stop_signal = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, &previous_term);
  sigaction(SIGUSR1, &action, &previous_usr1);
}

StopSignal::~StopSignal() {
  sigaction(SIGTERM, &previous_term, nullptr);
  sigaction(SIGUSR1, &previous_usr1, nullptr);
}

int StopSignal::received() { return stop_signal; }

}  // namespace precinct::train
