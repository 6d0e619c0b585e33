// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A library that a test loads before a rank's program (LD_PRELOAD) to plant a fault in it; the
// program itself knows nothing of it. PRECINCT_RANK_FAULT says which, in words:
//   exit | throw | terminate  PHASE STEP   when that phase of that step begins: exit(0), an
//                                          exception, one that nobody catches in a thread
//   hold N                                 the loader's N-th batch is never made
//   slow MS EVERY SLOW_MS                  each batch takes MS, each EVERY-th SLOW_MS
// PRECINCT_RANK_FAULT_NOTE is a file that gets the time (steady clock, ns) when it comes.
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "data/loader/resident_series.h"
#include "parallel/progress.h"

namespace precinct {
namespace {

struct Fault {
  std::string act, phase;
  std::int64_t at = -1, milliseconds = 0, every = 1, slow_milliseconds = 0;
};

Fault read_fault() {
  const char* text = std::getenv("PRECINCT_RANK_FAULT");
  std::istringstream words(text == nullptr ? "" : text);
  Fault fault;
  words >> fault.act;
  if (fault.act == "slow")
    words >> fault.milliseconds >> fault.every >> fault.slow_milliseconds;
  else if (fault.act == "hold")
    words >> fault.at;
  else
    words >> fault.phase >> fault.at;
  if (words.fail()) {
    std::fprintf(stderr, "PRECINCT_RANK_FAULT: found '%s', which is no fault\n", text);
    std::abort();
  }
  return fault;
}

const Fault& fault() {
  static const Fault fault = read_fault();
  return fault;
}

/// The program's own function of that name.
template <typename Function>
Function own(const char* name) {
  void* found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "rank_fault: no function %s in the program\n", name);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

void note_the_time() {
  if (const char* file = std::getenv("PRECINCT_RANK_FAULT_NOTE"))
    std::ofstream(file) << std::chrono::steady_clock::now().time_since_epoch().count() << "\n";
}

void strike() {
  note_the_time();
  if (fault().act == "exit") std::exit(0);
  if (fault().act == "throw") throw std::runtime_error("planted: an exception");
  if (fault().act == "terminate")
    std::thread([] { throw std::runtime_error("planted: nobody catches this"); }).join();
}

}  // namespace

void parallel::Progress::enter(const std::string& phase, std::int64_t step) {
  static const auto next = own<void (*)(Progress*, const std::string&, std::int64_t)>(
      "_ZN8precinct8parallel8Progress5enterERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
      "l");
  next(this, phase, step);
  if (phase == fault().phase && step == fault().at) strike();
}

double data::ResidentSeries::num_observed_cells(std::span<const WindowRef> windows) const {
  static const auto next = own<double (*)(const ResidentSeries*, std::span<const WindowRef>)>(
      "_ZNK8precinct4data14ResidentSeries18num_observed_cellsESt4spanIKNS0_"
      "9WindowRefELm1844674407370"
      "9551615EE");
  static std::atomic<std::int64_t> calls{0};
  const std::int64_t call = ++calls;
  const Fault& planted = fault();
  if (planted.act == "hold" && call == planted.at) {
    note_the_time();
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  if (planted.act == "slow")
    std::this_thread::sleep_for(std::chrono::milliseconds(
        call % planted.every == 0 ? planted.slow_milliseconds : planted.milliseconds));
  return next(this, windows);
}

}  // namespace precinct
