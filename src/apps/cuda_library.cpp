// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "apps/cuda_library.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#ifdef PRECINCT_TORCH
#include <ATen/Context.h>
#include <dlfcn.h>

#include <array>
#include <sstream>
#endif

namespace precinct::apps {
namespace {

constexpr const char* kLibrary = "libprecinct_cuda.so";

struct State {
  std::string missing = "the program did not ask for one when it started";
  std::string name;
  std::vector<Gpu> gpus;
  std::optional<NcclVersions> nccl;
  void (*register_nccl)() = nullptr;
};

State& state() {
  static State value;
  return value;
}

#ifdef PRECINCT_TORCH
namespace fs = std::filesystem;

/// What the command line says of the device, last word first; "" when it says nothing.
std::string_view device_said(int argc, const char* const* argv) {
  for (int i = argc - 1; i > 0; --i) {
    const std::string_view word = argv[i];
    for (const std::string_view key : {"--device=", "run.device="}) {
      const auto at = word.find(key);
      if (at != std::string_view::npos) return word.substr(at + key.size());
    }
    if (word == "--device" && i + 1 < argc) return argv[i + 1];
  }
  return {};
}

bool may_use_gpu(int argc, const char* const* argv) {
  return std::any_of(argv + std::min(argc, 1), argv + argc, [](std::string_view word) {
    return word == "train" || word == "evaluate" || word == "forecast" || word == "doctor" ||
           word == "bench";
  });
}

bool has_driver() {
  std::error_code ignored;
  return fs::exists("/dev/nvidiactl", ignored) || fs::exists("/dev/dxg", ignored);
}

std::string one_line(const char* text) {
  std::string line = text == nullptr ? "no reason given" : text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

State without(const std::string& missing) {
  State state;
  state.missing = missing;
  return state;
}

/// What the loaded library knows of this machine.
State ask(void* library, const std::string& file) {
  const auto symbol = [&](const char* name) { return ::dlsym(library, name); };
  const auto state = reinterpret_cast<int (*)(char*, int)>(symbol("precinct_cuda_state"));
  const auto devices = reinterpret_cast<int (*)(char*, int)>(symbol("precinct_cuda_devices"));
  const auto nccl = reinterpret_cast<void (*)(int*, int*)>(symbol("precinct_cuda_nccl_versions"));
  if (state == nullptr || devices == nullptr || nccl == nullptr)
    return without(file + " is of another version");
  State found;
  found.register_nccl = reinterpret_cast<void (*)()>(symbol("precinct_cuda_register_nccl"));
  found.nccl.emplace();
  nccl(&found.nccl->compiled, &found.nccl->loaded);
  std::array<char, 4096> text{};
  const int count = state(text.data(), static_cast<int>(text.size()));
  (count > 0 ? found.name : found.missing) = one_line(text.data());
  if (count <= 0) return found;
  found.missing.clear();
  devices(text.data(), static_cast<int>(text.size()));
  std::istringstream lines(text.data());
  for (Gpu gpu; lines >> gpu.address && std::getline(lines >> std::ws, gpu.name);)
    found.gpus.push_back(gpu);
  return found;
}

/// Beside bin/ in lib/, as built and as installed.
State load() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = program.parent_path().parent_path() / "lib";
  const fs::path file = folder / kLibrary;
  if (error || !fs::exists(file, error))
    return without(
        fmt::format("{} is not in {}: this build has no GPU support, which needs nvcc of CUDA "
                    "13.0, cuDNN 9 and NCCL 2.28 when it is built",
                    kLibrary, folder.string()));
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr)
    return without(fmt::format("{} cannot be loaded ({})", kLibrary, one_line(::dlerror())));
  if (!at::Context::hasCUDART())
    return without(
        fmt::format("{} came after LibTorch's first question for a GPU; report this", kLibrary));
  return ask(library, file.string());
}
#endif

}  // namespace

void load_cuda_library([[maybe_unused]] int argc, [[maybe_unused]] const char* const* argv) {
#ifdef PRECINCT_TORCH
  // what follows "--" is another program's (precinct launch)
  argc = static_cast<int>(std::find(argv, argv + argc, std::string_view("--")) - argv);
  const std::string_view said = device_said(argc, argv);
  if (said == "cuda") {
    state() = load();
  } else if (said != "cpu" && may_use_gpu(argc, argv)) {
    if (has_driver())
      state() = load();
    else
      state().missing = "no NVIDIA driver is at work here (there is no /dev/nvidiactl)";
  }
#else
  state().missing = "this build has no LibTorch";
#endif
}

std::string why_no_gpu() { return state().missing; }

std::string gpu_name() { return state().name; }

std::vector<Gpu> visible_gpus() { return state().gpus; }

std::optional<NcclVersions> nccl_versions() { return state().nccl; }

std::string gpu_address(int index) {
  const auto& gpus = state().gpus;
  const auto place = static_cast<std::size_t>(index);
  return index >= 0 && place < gpus.size() ? gpus[place].address : "";
}

bool register_nccl() {
  if (state().register_nccl == nullptr) return false;
  state().register_nccl();
  return true;
}

void require_device(const std::string& device) {
  PRECINCT_CHECK(device != "cuda" || state().missing.empty(), DeviceError,
                 "run.device: expected a GPU that can be used for 'cuda', found none: {}; use "
                 "--device cpu, or make one visible to this program",
                 state().missing);
}

}  // namespace precinct::apps
