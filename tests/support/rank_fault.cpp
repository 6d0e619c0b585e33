// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A library that a test loads before a rank's program (LD_PRELOAD) to plant a fault in it; the
// program itself knows nothing of it. PRECINCT_RANK_FAULT says which, in words:
//   exit | throw | terminate  PHASE STEP   when that phase of that step begins: exit(0), an
//                                          exception, one that nobody catches in a thread
//   hold N                                 the loader's N-th batch is never made
//   slow MS EVERY SLOW_MS                  each batch takes MS, each EVERY-th SLOW_MS
//   skip | swap | bend | cut N             the N-th all_reduce of group dp is left out, changes its
//                                          place with the next one, has another shape, another size
//   drift N                                from the N-th all_reduce of group dp on, the first of
//   more
//                                          than 8 numbers has another first number on this rank
// PRECINCT_RANK_FAULT_NOTE is a file that gets the time (steady clock, ns), the step and the phase
// when it comes.
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "data/loader/resident_series.h"
#include "parallel/communicator.h"
#include "parallel/progress.h"

namespace precinct {
namespace {

struct Fault {
  std::string act, phase;
  std::int64_t at = -1, milliseconds = 0, every = 1, slow_milliseconds = 0;
};

bool is_of_calls(const std::string& act) {
  return act == "skip" || act == "swap" || act == "bend" || act == "cut" || act == "drift";
}

Fault read_fault() {
  const char* text = std::getenv("PRECINCT_RANK_FAULT");
  std::istringstream words(text == nullptr ? "" : text);
  Fault fault;
  words >> fault.act;
  if (fault.act == "slow")
    words >> fault.milliseconds >> fault.every >> fault.slow_milliseconds;
  else if (is_of_calls(fault.act) || fault.act == "hold")
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

/// Where the program is, as it last said.
struct Place {
  std::mutex mutex;
  std::string phase = "start";
  std::int64_t step = 0;
};
Place& place() {
  static auto* one = new Place;  // exit(0) comes while other threads run
  return *one;
}

void note_the_time() {
  const std::lock_guard lock(place().mutex);
  if (const char* file = std::getenv("PRECINCT_RANK_FAULT_NOTE"))
    std::ofstream(file) << std::chrono::steady_clock::now().time_since_epoch().count() << " "
                        << place().step << " " << place().phase << "\n";
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
  {
    const std::lock_guard lock(place().mutex);
    place().phase = phase;
    place().step = step;
  }
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
  if (planted.act == "slow") {
    const bool is_slow = call % planted.every == 0;
    if (is_slow) note_the_time();
    std::this_thread::sleep_for(
        std::chrono::milliseconds(is_slow ? planted.slow_milliseconds : planted.milliseconds));
  }
  return next(this, windows);
}

parallel::Work parallel::Communicator::all_reduce(at::Tensor tensor, ReduceOp op) {
  static const auto next = own<Work (*)(Communicator*, at::Tensor, ReduceOp)>(
      "_ZN8precinct8parallel12Communicator10all_reduceEN2at6TensorENS0_8ReduceOpE");
  static std::int64_t calls = 0;
  static at::Tensor late;
  const std::string& act = fault().act;
  if (!is_of_calls(act) || name() != "dp") return next(this, tensor, op);
  if (late.defined()) {
    Work work = next(this, tensor, op);
    next(this, std::exchange(late, at::Tensor()), op).wait();
    return work;
  }
  ++calls;
  static bool has_drifted = false;
  if (act == "drift" && calls >= fault().at && tensor.numel() > 8 && !has_drifted) {
    has_drifted = true;
    note_the_time();
    next(this, tensor, op).wait();
    tensor.view(-1)[0].add_(1);
    return {};
  }
  if (act == "drift" || calls != fault().at) return next(this, tensor, op);
  note_the_time();
  if (act == "bend") return next(this, tensor.view({1, -1}), op);
  if (act == "cut") return next(this, tensor.flatten().slice(0, 0, 1).clone(), op);
  if (act == "swap") late = tensor;
  return {};
}

}  // namespace precinct
