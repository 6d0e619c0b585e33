// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/machine_findings.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "apps/cuda_library.h"
#include "apps/installed_files.h"
#include "apps/rank_findings.h"
#include "base/error.h"
#include "base/time_zone.h"
#include "data/geo/projection.h"
#include "data/store/hdf5_file.h"
#ifdef PRECINCT_TORCH
#include <torch/version.h>
#endif

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;

constexpr double kGiB = 1024.0 * 1024 * 1024;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Value of the first "key : value" line of /proc/cpuinfo.
std::string cpuinfo(const std::string& text, const std::string& key) {
  const auto at = text.find("\n" + key);
  if (at == std::string::npos) return "";
  const auto colon = text.find(':', at), end = text.find('\n', at + 1);
  if (colon == std::string::npos || colon + 2 > end) return "";
  return text.substr(colon + 2, end - colon - 2);
}

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0)
    return static_cast<int>(std::thread::hardware_concurrency());
  return CPU_COUNT(&set);
}

/// Processors that the control group grants ("max 100000" or "150000 100000"); 0 for no limit.
double granted_processors() {
  std::istringstream text(text_of("/sys/fs/cgroup/cpu.max"));
  double quota = 0, period = 0;
  return text >> quota >> period && period > 0 ? quota / period : 0;
}

Finding processor() {
  const std::string info = "\n" + text_of("/proc/cpuinfo");
  std::string units = "no AVX2";
  const bool avx2 = __builtin_cpu_supports("avx2") != 0,
             avx512 = __builtin_cpu_supports("avx512f") != 0;
  if (avx2) units = avx512 ? "AVX2, AVX-512" : "AVX2";
  const std::string model = cpuinfo(info, "model name");
  Finding finding{"processor", Level::kFine,
                  fmt::format("{}, {} processors usable, {}",
                              model.empty() ? "unknown model" : model, usable_processors(), units),
                  ""};
  if (const double granted = granted_processors(); granted > 0 && granted < usable_processors())
    finding.found += fmt::format(", {:.1f} granted by the control group", granted);
  if (!avx2) {
    finding.level = Level::kNote;
    finding.remedy = "training is several times slower without AVX2; use a newer machine";
  }
  return finding;
}

Finding threads() {
  const char* chosen = std::getenv("OMP_NUM_THREADS");
  const int usable = usable_processors();
  if (chosen == nullptr)
    return {"threads", Level::kFine,
            fmt::format("OMP_NUM_THREADS is not set: kernels use {} threads", usable),
            "set it to get the same bits on another machine: a run repeats with equal threads"};
  const int count = std::atoi(chosen);
  Finding finding{"threads", Level::kFine, fmt::format("OMP_NUM_THREADS is {}", chosen), ""};
  if (count < 1 || count > usable) {
    finding.level = Level::kNote;
    finding.remedy =
        fmt::format("expected 1 to {}: more threads than processors slow each other", usable);
  }
  return finding;
}

Finding memory() {
  const std::string info = text_of("/proc/meminfo");
  const double total = static_cast<double>(meminfo_bytes(info, "MemTotal")),
               free = static_cast<double>(meminfo_bytes(info, "MemAvailable"));
  Finding finding{"memory", Level::kFine,
                  fmt::format("{:.1f} of {:.1f} GiB available", free / kGiB, total / kGiB), ""};
  double limit = 0;
  std::istringstream text(text_of("/sys/fs/cgroup/memory.max"));
  if (text >> limit)
    finding.found += fmt::format(", control group allows {:.1f} GiB", limit / kGiB);
  const double usable = limit > 0 ? std::min(limit, free) : free;
  if (usable < 2 * kGiB) {
    finding.level = Level::kNote;
    finding.remedy =
        "expected 2 GiB for the sample data; end other programs or use smaller "
        "train.micro_batch_size";
  }
  return finding;
}

/// The folder itself, or the nearest one above it that is there.
fs::path existing_parent(const fs::path& folder) {
  fs::path path = fs::absolute(folder).lexically_normal();
  std::error_code ignored;
  while (!fs::is_directory(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

Finding disk(const fs::path& run_folder) {
  const fs::path folder = existing_parent(run_folder);
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error)
    return {"disk", Level::kProblem, folder.string() + ": " + error.message(),
            "choose another --run-folder"};
  std::string name = (folder / ".precinct-doctor-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  const bool writable = file >= 0 && ::write(file, "x", 1) == 1;
  if (file >= 0) {
    ::close(file);
    ::unlink(name.c_str());
  }
  const double free = static_cast<double>(space.available) / kGiB;
  Finding finding{"disk", Level::kFine, fmt::format("{:.1f} GiB free in {}", free, folder.string()),
                  ""};
  if (!writable) {
    finding.level = Level::kProblem;
    finding.found += ", not writable";
    finding.remedy = "give write permission or choose another --run-folder";
  } else if (free < 1) {
    finding.level = Level::kNote;
    finding.remedy = "expected 1 GiB: a run keeps four checkpoints; make room";
  }
  return finding;
}

Finding libtorch() {
#ifdef PRECINCT_TORCH
  return {"LibTorch", Level::kFine, TORCH_VERSION, ""};
#else
  return {"LibTorch", Level::kProblem, "none: this build has the torch-free rooms only",
          "build with the preset release to train and forecast"};
#endif
}

Finding gpu() {
  const std::string why = why_no_gpu();
  if (why.empty()) return {"GPU", Level::kFine, gpu_name(), ""};
  return {"GPU", Level::kNote, "none: " + why,
          "runs use the CPU; for a GPU: NVIDIA driver 580 or later, and a build with CUDA 13.0"};
}

/// What the GPU library says of NCCL; nothing where it was not loaded.
std::optional<Finding> nccl() {
  const auto versions = nccl_versions();
  if (!versions) return {};
  Finding finding{"NCCL", Level::kFine,
                  fmt::format("compiled with {}, loaded {}", nccl_text(versions->compiled),
                              nccl_text(versions->loaded)),
                  ""};
  if (versions->compiled != versions->loaded) {
    finding.level = Level::kNote;
    finding.remedy =
        "put the NCCL of the build first in LD_LIBRARY_PATH; until then runs use the CPU";
  }
  return finding;
}

Finding hdf5() {
  if (data::hdf5_is_thread_safe()) return {"HDF5", Level::kFine, "thread-safe", ""};
  return {"HDF5", Level::kProblem, "not thread-safe: panels are refused",
          "install libhdf5-dev of Debian, the serial flavour, and build again"};
}

Finding projections() {
  try {  // Los Angeles: about 365 km east in UTM zone 11, 3,768 km north
    const data::Point centre{-118.4, 34.05};
    const data::Point metres = data::Projection(centre).forward(centre);
    if (metres.x > 3e5 && metres.x < 4.5e5 && metres.y > 3.7e6 && metres.y < 3.8e6)
      return {"PROJ", Level::kFine, "projects a known point rightly", ""};
    return {"PROJ", Level::kProblem,
            fmt::format("a known point is projected to {:.0f}, {:.0f}", metres.x, metres.y),
            "install proj-data; unset PROJ_LIB and PROJ_DATA"};
  } catch (const Error& error) {
    return {"PROJ", Level::kProblem, error.what(), "install proj-data; unset PROJ_LIB, PROJ_DATA"};
  }
}

Finding time_zones() {
  try {
    const int offset =
        TimeZone::load("America/Los_Angeles").offset_seconds({days_from_civil(2021, 7, 1), 720});
    return {"time zones", offset == -7 * 3600 ? Level::kFine : Level::kProblem,
            fmt::format("America/Los_Angeles in summer is UTC{:+d} h", offset / 3600),
            offset == -7 * 3600 ? "" : "install tzdata"};
  } catch (const Error& error) {
    return {"time zones", Level::kProblem, error.what(), "install tzdata"};
  }
}

Finding plotly() {
  const fs::path file = plotly_home() / "plotly" / "plotly.min.js";
  if (fs::exists(file)) return {"report script", Level::kFine, file.string(), ""};
  return {"report script", Level::kNote, "Plotly's script is not at " + file.string(),
          "precinct report needs it: run scripts/setup, or set PRECINCT_DEPS to its folder"};
}

Finding profiles() {
  const fs::path folder = installed_folder("configs") / "sources";
  if (fs::exists(folder / "lapd.yaml")) return {"profiles", Level::kFine, folder.string(), ""};
  return {"profiles", Level::kNote, "no source profiles at " + folder.string(),
          "ingest needs --profile FILE.yaml; install precinct again"};
}

}  // namespace

std::string to_string(Level level) {
  return level == Level::kFine ? "fine" : level == Level::kNote ? "note" : "problem";
}

std::uint64_t meminfo_bytes(const std::string& meminfo, const std::string& key) {
  const auto at = ("\n" + meminfo).find("\n" + key + ":");
  if (at == std::string::npos) return 0;
  return 1024 * std::strtoull(meminfo.c_str() + at + key.size() + 1, nullptr, 10);
}

std::vector<Finding> look_at_machine(const fs::path& run_folder) {
  std::vector<Finding> findings = {processor(),  threads(),  memory(), disk(run_folder),
                                   libtorch(),   gpu(),      hdf5(),   projections(),
                                   time_zones(), profiles(), plotly()};
  if (auto one = nccl()) findings.insert(findings.begin() + 6, std::move(*one));
  return findings;
}

}  // namespace precinct::apps
