// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// `precinct doctor` between ranks: what it says of jobs that this machine does not have, and what
// two real ranks find.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/rank_findings.h"
#include "tests/launch/launched.h"

namespace precinct {
namespace {

using apps::Finding;
using apps::JobFacts;
using apps::Level;
using apps::RankFacts;
using nlohmann::json;
using test::launch_script;
using testing::HasSubstr;
using testing::Not;

/// Two hosts of two ranks, each with a GPU of its own; nothing is wrong.
JobFacts sound_job() {
  JobFacts job;
  job.source = "slurm";
  job.store_address = "10.0.0.1";
  job.store_port = 23456;
  for (int r = 0; r < 4; ++r) {
    RankFacts rank;
    rank.rank = r;
    rank.local_rank = r % 2;
    rank.pid = 1000 + r;
    rank.host = r < 2 ? "n1" : "n2";
    rank.cores = {2 * (r % 2), 2 * (r % 2) + 1};
    rank.threads = 2;
    rank.gpus = {{"0000:01:00.0", "H100"}, {"0000:02:00.0", "H100"}};
    rank.nccl = {22809, 22809};
    rank.precinct = "0.1.0 (abc)";
    rank.libtorch = "2.11.0";
    rank.address = r < 2 ? "10.0.0.1" : "10.0.0.2";
    rank.interface = "ib0";
    job.ranks.push_back(rank);
  }
  job.probes = {{"gloo", 4, 4 << 20, 0.1, 10, true, ""}};
  return job;
}

Finding finding(const JobFacts& job, const std::string& name) {
  for (const auto& one : apps::look_at_job(job))
    if (one.name == name) return one;
  ADD_FAILURE() << "no finding named " << name;
  return {};
}

/// A fault in a sound job is seen, said in these words, and has a remedy.
void expect_seen(const JobFacts& job, const std::string& name, Level level,
                 const std::string& found, const std::string& remedy) {
  const Finding one = finding(job, name);
  EXPECT_EQ(one.level, level) << one.found;
  EXPECT_THAT(one.found, HasSubstr(found));
  EXPECT_THAT(one.remedy, HasSubstr(remedy));
}

TEST(JobFindings, NothingIsWrongWithASoundJob) {
  for (const auto& one : apps::look_at_job(sound_job()))
    EXPECT_TRUE(one.level == Level::kFine && one.remedy.empty()) << one.name << ": " << one.found;
  EXPECT_TRUE(apps::can_use_nccl(sound_job().ranks));
}

TEST(JobFindings, VersionsThatDifferAreAProblemWithTheirRanks) {
  JobFacts job = sound_job();
  job.ranks[2].precinct = "0.1.0 (def)";
  expect_seen(job, "versions", Level::kProblem, "0.1.0 (def), LibTorch 2.11.0 (rank 2)",
              "one build");
  job = sound_job();
  job.ranks[3].libtorch = "2.10.0";
  expect_seen(job, "versions", Level::kProblem, "(ranks 0-2)", "one build");
}

TEST(JobFindings, RanksOnOneGpuAreNamed) {
  JobFacts job = sound_job();
  // the scheduler hid the other GPU from each rank of n2, and gave both the same one
  for (const int r : {2, 3}) job.ranks[r].gpus = {{"0000:01:00.0", "H100"}};
  expect_seen(job, "GPUs", Level::kNote, "ranks 2-3 share n2 0000:01:00.0 H100",
              "--gpus-per-task=1");
  EXPECT_FALSE(apps::can_use_nccl(job.ranks));
  job.ranks[3].gpus[0].address = "0000:02:00.0";  // each sees one GPU, another one
  EXPECT_EQ(finding(job, "GPUs").level, Level::kFine);
  EXPECT_TRUE(apps::can_use_nccl(job.ranks));
  job.ranks[1].gpus.clear();
  expect_seen(job, "GPUs", Level::kNote, "none (rank 1)", "--gpus-per-task=1");
  EXPECT_FALSE(apps::can_use_nccl(job.ranks));
}

TEST(JobFindings, NcclThatIsNotTheOneOfTheBuildOrNotTheSameIsNamed) {
  JobFacts job = sound_job();
  job.ranks[3].nccl.loaded = 22703;
  expect_seen(job, "NCCL", Level::kNote, "compiled 2.28.9, loaded 2.27.3 (rank 3)",
              "install NCCL 2.28.9");
  EXPECT_FALSE(apps::can_use_nccl(job.ranks));
}

TEST(JobFindings, AWrongSumIsAProblemAndASlowNetworkANote) {
  JobFacts job = sound_job();
  job.probes[0].sums_right = false;
  expect_seen(job, "all-reduce", Level::kProblem, "a sum is wrong", "do not train here");
  job = sound_job();
  job.probes[0].large_ms = 100;  // 42 MB/s
  expect_seen(job, "all-reduce", Level::kNote, "(42 MB/s)", "GLOO_SOCKET_IFNAME");
  for (auto& rank : job.ranks) rank.host = "n1";
  EXPECT_EQ(finding(job, "all-reduce").level, Level::kFine);
  job.probes[0].error = "planted";
  expect_seen(job, "all-reduce", Level::kNote, "gloo: planted", "parallel.backend: gloo");
}

TEST(JobFindings, ALoopbackAddressBetweenHostsAndSeveralInterfacesAreNoted) {
  JobFacts job = sound_job();
  for (const int r : {2, 3}) job.ranks[r].interface = "eth0";
  expect_seen(job, "network", Level::kNote, "eth0 (ranks 2-3), ib0 (ranks 0-1)",
              "GLOO_SOCKET_IFNAME");
  job = sound_job();
  for (const int r : {2, 3}) job.ranks[r].address = "127.0.1.1";
  expect_seen(job, "network", Level::kNote, "ranks 2-3 at a loopback address",
              "interface between the hosts");
}

TEST(JobFindings, MoreThreadsThanCoresAreNoted) {
  JobFacts job = sound_job();
  for (const int r : {2, 3}) job.ranks[r].threads = 4;
  expect_seen(job, "cores", Level::kNote, "n2: ranks 2-3 use 8 threads on 4 cores",
              "OMP_NUM_THREADS to 2");
  for (const int r : {2, 3}) job.ranks[r].cores = {0};
  expect_seen(job, "cores", Level::kNote, "on 1 core", "fewer ranks");
}

TEST(JobFindings, ClocksThatDifferAreShownAndDoNoHarm) {
  JobFacts job = sound_job();
  job.ranks[2].clock_ms = -7200'000;
  job.ranks[2].clock_error_ms = 0.25;
  expect_seen(job, "clocks", Level::kFine, "7200000.000 ms apart (rank 2, +- 0.250)", "no harm");
  EXPECT_THAT(apps::rank_table(job), HasSubstr("-7200000.000 ms +- 0.250"));
}

TEST(JobFindings, TroublesOfOtherHostsAreSaidOnceAHost) {
  JobFacts job = sound_job();
  const Finding full{"disk", Level::kProblem, "no room", "make some"};
  for (auto& rank : job.ranks) rank.troubles = {full};
  int count = 0;
  for (const auto& one : apps::look_at_job(job))
    if (one.name == "disk") {
      ++count;
      EXPECT_EQ(one.found, "rank 2 (n2): no room");
      EXPECT_EQ(one.level, Level::kProblem);
      EXPECT_EQ(one.remedy, "make some");
    }
  EXPECT_EQ(count, 1);  // rank 0's own machine says it for n1
}

TEST(JobFindings, FactsSurviveTheWayToTheOtherRanks) {
  JobFacts job = sound_job();
  job.ranks[1].troubles = {{"disk", Level::kProblem, "no room", "make some"}};
  const json there = job;
  EXPECT_EQ(json(there.get<JobFacts>()), there);
  // a rank of another version may say less, or more
  const auto rank = json::parse(R"({"rank": 3, "host": "n9", "mood": "good"})").get<RankFacts>();
  EXPECT_EQ(rank.host, "n9");
  EXPECT_EQ(rank.threads, 1);
}

json report_of(const test::Launched& launched) {
  std::istringstream lines(launched.result.out);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, testing::StartsWith("[rank 0] "));
    text += line.substr(9) + "\n";
  }
  return json::parse(text, nullptr, false);
}

TEST(DoctorRanks, TwoRanksMeetAndRankZeroAloneReports) {
  const auto launched = launch_script(
      {"--nproc", "2"}, "exec '" + test::precinct_program() + "' doctor --timeout 30 --json");
  ASSERT_EQ(launched.result.exit_code, 0) << launched.result.err;
  const json report = report_of(launched);
  ASSERT_TRUE(report.is_object()) << launched.result.out;
  EXPECT_EQ(report["cpu_run_possible"], true);
  const json& job = report.at("job");
  EXPECT_EQ(job["source"], "torchrun");
  EXPECT_EQ(job["store_holder"], "the launcher");
  ASSERT_EQ(job["ranks"].size(), 2U);
  for (int r = 0; r < 2; ++r) {
    const json& rank = job["ranks"][r];
    EXPECT_EQ(rank["rank"], r);
    EXPECT_EQ(rank["address"], "127.0.0.1");
    EXPECT_EQ(rank["interface"], "lo");
    EXPECT_FALSE(rank["cores"].empty());
    EXPECT_EQ(rank["precinct"], report["version"]);
    EXPECT_EQ(rank["libtorch"], "2.11.0");
  }
  EXPECT_NE(job["ranks"][0]["pid"], job["ranks"][1]["pid"]);
  // one host has one clock: what is measured between its ranks is the error of the measurement
  EXPECT_GT(job["ranks"][1]["clock_error_ms"], 0.0);
  EXPECT_LE(std::abs(job["ranks"][1]["clock_ms"].get<double>()),
            job["ranks"][1]["clock_error_ms"].get<double>() + 0.01);
  ASSERT_EQ(job["all_reduce"].size(), 1U);
  const json& sums = job["all_reduce"][0];
  EXPECT_EQ(sums["backend"], "gloo");
  EXPECT_EQ(sums["sums_right"], true);
  EXPECT_EQ(sums["large_bytes"], 4 << 20);
  EXPECT_GT(sums["small_ms"], 0.0);
  EXPECT_GT(sums["large_ms"], sums["small_ms"]);
}

TEST(DoctorRanks, TextHasTheTableBelowTheFindings) {
  const auto launched = launch_script(
      {"--nproc", "2"}, "exec '" + test::precinct_program() + "' doctor --timeout 30");
  ASSERT_EQ(launched.result.exit_code, 0) << launched.result.err;
  for (const char* text :
       {"fine     versions       the same on all ranks", "all-reduce     gloo: 4 ", "sums right",
        "[rank 0] rank  host", "ms +- ", "Runs are possible here"})
    EXPECT_THAT(launched.result.out, HasSubstr(text));
  EXPECT_THAT(launched.result.out, Not(HasSubstr("[rank 1]")));
}

TEST(DoctorRanks, ARankThatIsMissingIsOneLineAndCodeFour) {
  const auto launched = launch_script({"--nproc", "2", "--grace", "0"},
                                      "[ $RANK = 1 ] && exec sleep 60; exec '" +
                                          test::precinct_program() + "' doctor --timeout 0.5");
  EXPECT_EQ(launched.result.exit_code, 4);
  EXPECT_THAT(launched.result.err,
              testing::ContainsRegex("\\[rank 0\\] precinct: [^\n]*expected all 2 ranks within 0.5 "
                                     "s, found rank 1 missing; [^\n]*\n"));
  EXPECT_EQ(launched.result.out, "");
}

TEST(DoctorRanks, AProblemOfOneRankIsTheCodeOfAll) {
  const auto launched =
      launch_script({"--nproc", "2"}, "where=runs; [ $RANK = 1 ] && where=/proc/runs; exec '" +
                                          test::precinct_program() +
                                          "' doctor --timeout 30 --json --run-folder $where");
  EXPECT_EQ(launched.result.exit_code, 8) << launched.result.err;
  const json report = report_of(launched);
  ASSERT_TRUE(report.is_object()) << launched.result.out;
  EXPECT_EQ(report["cpu_run_possible"], false);
  bool is_named = false;
  for (const auto& one : report["findings"])
    is_named |= one["name"] == "disk" && one["level"] == "problem" &&
                one["found"].get<std::string>().starts_with("rank 1 (");
  EXPECT_TRUE(is_named) << launched.result.out;
}

TEST(DoctorRanks, AWorldOfOneHasATableAndNoSums) {
  const auto launched = launch_script(
      {"--nproc", "1"}, "exec '" + test::precinct_program() + "' doctor --timeout 30 --json");
  ASSERT_EQ(launched.result.exit_code, 0) << launched.result.err;
  const json report = report_of(launched);
  EXPECT_EQ(report["job"]["ranks"].size(), 1U);
  EXPECT_TRUE(report["job"]["all_reduce"].empty());
}

}  // namespace
}  // namespace precinct
