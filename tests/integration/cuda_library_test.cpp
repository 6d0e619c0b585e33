// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// The program without and with libprecinct_cuda.so, as users meet it. What needs a GPU is in
// cuda_gpu_test.cpp.
#include "apps/cuda_library.h"

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>

#include "base/error.h"
#include "cuda/device_state.h"
#include "tests/parallel/rank_server.h"
#include "tests/support/small_project.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::Words;
using testing::HasSubstr;
using testing::Not;

test::SmallProject& project() {
  static test::SmallProject value;
  return value;
}

ProgramResult run(const Words& words) {
  return test::run_program(words, -1, [] {
    test::use_one_thread();
    if (::chdir(project().path().c_str()) != 0) ::_exit(126);
  });
}

/// Libraries that the program mapped at any time, by the dynamic linker's own log.
std::set<std::string> libraries_of(const Words& words, int expected_code = 0) {
  const test::TemporaryFolder folder;
  const auto result = test::run_program(words, -1, [&] {
    test::use_one_thread();
    ::setenv("LD_DEBUG", "files", 1);
    ::setenv("LD_DEBUG_OUTPUT", (folder / "log").c_str(), 1);
    if (::chdir(project().path().c_str()) != 0) ::_exit(126);
  });
  EXPECT_EQ(result.exit_code, expected_code) << result.err;
  std::set<std::string> libraries;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    std::ifstream log(entry.path());
    const std::string mark = "calling init: ";
    for (std::string line; std::getline(log, line);) {
      const auto at = line.find(mark);
      if (at != std::string::npos) libraries.insert(line.substr(at + mark.size()));
    }
  }
  return libraries;
}

std::vector<std::string> named(const std::set<std::string>& libraries, const std::string& part) {
  std::vector<std::string> found;
  for (const std::string& path : libraries)
    if (fs::path(path).filename().string().find(part) != std::string::npos) found.push_back(path);
  return found;
}

void expect_no_cuda(const std::set<std::string>& libraries) {
  EXPECT_EQ(named(libraries, "libtorch_cpu").size(), 1U) << "the log does not show what was mapped";
  for (const char* part :
       {"torch_cuda", "c10_cuda", "precinct_cuda", "cublas", "cudnn", "nccl", "libcuda.so"})
    EXPECT_TRUE(named(libraries, part).empty()) << part;
}

bool has_library() { return fs::exists(fs::path(PRECINCT_BINARY_DIR) / "lib/libprecinct_cuda.so"); }

bool has_gpu() { return apps::why_no_gpu().empty(); }

void expect_refused(const ProgramResult& result, const std::string& reason = "") {
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  for (const std::string& part : {std::string("precinct: run.device: expected "),
                                  std::string("found none: "), std::string("--device cpu"), reason})
    EXPECT_THAT(result.err, HasSubstr(part));
  EXPECT_EQ(result.out, "");
}

TEST(CpuProgram, StartsWithoutTorchCudaCublasCudnnOrNcclMapped) {
  expect_no_cuda(libraries_of({test::precinct_program(), "config", "show", "dnn.yaml"}));
  expect_no_cuda(libraries_of(project().train_words("dnn", "mapped", {"--device", "cpu"})));
}

TEST(CpuProgram, HasOneOpenMpRuntime) {
  const auto libraries =
      libraries_of(project().train_words("crimenet", "openmp", {"--device", "cpu"}));
  EXPECT_THAT(named(libraries, "libgomp"), testing::SizeIs(1));
  EXPECT_THAT(named(libraries, "libomp"), testing::IsEmpty());
  EXPECT_THAT(named(libraries, "libiomp"), testing::IsEmpty());
}

TEST(CpuProgram, DeviceAutoWithoutADriverTakesTheCpuAndSaysNothing) {
  if (fs::exists("/dev/nvidiactl")) GTEST_SKIP() << "not run: this machine has an NVIDIA driver";
  expect_no_cuda(libraries_of(project().train_words("dnn", "auto-mapped")));
  const auto result = run(project().train_words("dnn", "auto", {"--device", "auto"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* word : {"GPU", "CUDA", "NVIDIA", "cuda"})
    EXPECT_THAT(result.err + result.out, Not(HasSubstr(word)));
}

TEST(DeviceCuda, WithoutOneTrainEvaluateAndForecastAreOneLineAndExit8AndWriteNothing) {
  if (has_gpu()) GTEST_SKIP() << "not run: this machine has a GPU";
  write_file_atomically(project() / "cuda.yaml", "run: {device: cuda}\n");
  const auto before = test::listing(project().path());
  const std::string program = test::precinct_program();
  expect_refused(run(project().train_words("dnn", "refused", {"--device", "cuda"})));
  expect_refused(run(project().train_words("dnn", "refused", {"--device=cuda"})));
  expect_refused(run(project().train_words("dnn", "refused", {"--set", "run.device=cuda"})));
  expect_refused(run(project().train_words("dnn", "refused", {project() / "cuda.yaml"})));
  expect_refused(run({program, "evaluate", "refused", "--device", "cuda"}));
  expect_refused(run({program, "forecast", "--artifact", "refused", "--panel", "panel.h5", "--out",
                      "week.csv", "--device", "cuda"}));
  EXPECT_EQ(test::listing(project().path()), before);
}

TEST(DeviceCuda, AnotherWordIsRefusedAsUsage) {
  const auto result = run(project().train_words("dnn", "refused", {"--device", "tpu"}));
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--device"));
}

TEST(DeviceCuda, WithoutOrWithADamagedLibraryTheReasonIsSaid) {
  const test::TemporaryFolder folder;
  fs::create_directories(folder / "bin");
  fs::create_directories(folder / "lib");
  fs::copy_file(test::precinct_program(), folder / "bin" / "precinct");
  auto words = project().train_words("dnn", "refused", {"--device", "cuda"});
  words[0] = folder / "bin" / "precinct";
  expect_refused(run(words), "libprecinct_cuda.so is not in " + (folder / "lib").string());
  write_file_atomically(folder / "lib" / "libprecinct_cuda.so", "no library at all\n");
  expect_refused(run(words), "libprecinct_cuda.so cannot be loaded (");
  words.back() = "cpu";
  EXPECT_EQ(run(words).exit_code, 0) << "the CPU needs no such library";
}

/// Where the library could be built, a build without it would skip what it is tested by.
TEST(CudaLibrary, IsBuiltWhereverThereIsNvcc) {
  const std::string why_not = PRECINCT_NO_CUDA;
  if (why_not.starts_with("no nvcc") || why_not.starts_with("LibTorch was set up") ||
      why_not.starts_with("PRECINCT_CUDA"))
    GTEST_SKIP() << "not run: " << why_not;
  EXPECT_EQ(why_not, "");
  EXPECT_TRUE(has_library());
}

TEST(CudaLibrary, LoadsWithoutADeviceAndIsInPlace) {
  if (!has_library()) GTEST_SKIP() << "not run: no libprecinct_cuda.so in this build";
  EXPECT_TRUE(at::Context::hasCUDART()) << apps::why_no_gpu();
  void* const symbol = ::dlsym(RTLD_DEFAULT, "precinct_cuda_state");
  ASSERT_NE(symbol, nullptr) << apps::why_no_gpu();
  std::array<char, 512> text{};
  const int count = reinterpret_cast<decltype(&precinct_cuda_state)>(symbol)(text.data(), 512);
  EXPECT_EQ(count > 0, has_gpu());
  EXPECT_EQ(std::string(text.data()), has_gpu() ? apps::gpu_name() : apps::why_no_gpu());
  EXPECT_THAT(text.data(), Not(HasSubstr("\n")));
  EXPECT_THAT(text.data(), Not(HasSubstr("NCCL"))) << "another NCCL than LibTorch's";
}

TEST(CudaLibrary, SaysWhichNcclAndWhichGpusThereAre) {
  if (!has_library()) GTEST_SKIP() << "not run: no libprecinct_cuda.so in this build";
  const auto nccl = apps::nccl_versions();
  ASSERT_TRUE(nccl);
  EXPECT_EQ(nccl->compiled, 22809);
  EXPECT_EQ(nccl->loaded, nccl->compiled);
  EXPECT_TRUE(apps::register_nccl());
  EXPECT_EQ(apps::visible_gpus().empty(), !has_gpu());
  for (const auto& gpu : apps::visible_gpus()) EXPECT_FALSE(gpu.name.empty()) << gpu.address;
}

TEST(CudaLibrary, EveryOperatorOfOursHasAFormForCuda) {
  if (!has_library()) GTEST_SKIP() << "not run: no libprecinct_cuda.so in this build";
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto gather = dispatcher.findSchema({"precinct::window_gather", ""});
  ASSERT_TRUE(gather);
  EXPECT_TRUE(gather->hasKernelForDispatchKey(c10::DispatchKey::CUDA));
  int num_operators = 0;
  for (const auto& name : dispatcher.getAllOpNames()) {
    if (!name.name.starts_with("precinct::")) continue;
    ++num_operators;
    EXPECT_TRUE(
        dispatcher.findSchema(name)->hasComputedKernelForDispatchKey(c10::DispatchKey::CUDA))
        << name.name;
  }
  EXPECT_GE(num_operators, 6);
}

TEST(CudaLibrary, RequireDeviceNamesTheReason) {
  apps::require_device("cpu");
  apps::require_device("auto");
  if (has_gpu()) {
    apps::require_device("cuda");
  } else {
    EXPECT_THROW(apps::require_device("cuda"), DeviceError);
    EXPECT_NE(apps::why_no_gpu(), "");
    EXPECT_EQ(apps::gpu_name(), "");
  }
}

}  // namespace
}  // namespace precinct

int main(int argc, char** argv) {
  return precinct::test::main_with_ranks(argc, argv, [] {
    const std::array<const char*, 3> words{"precinct", "--device", "cuda"};
    precinct::apps::load_cuda_library(static_cast<int>(words.size()), words.data());
  });
}
