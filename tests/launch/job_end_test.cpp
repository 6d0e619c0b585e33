// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "launch/job_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace precinct::launch {
namespace {

using testing::HasSubstr;
using testing::Not;

RankEnd with_code(int rank, int code, double seconds, bool was_told = false) {
  RankEnd end;
  end.rank = rank;
  end.pid = 100 + rank;
  end.code = code;
  end.seconds = seconds;
  end.was_told = was_told;
  return end;
}

RankEnd by_signal(int rank, int signal, double seconds, bool was_told = false) {
  RankEnd end = with_code(rank, 0, seconds, was_told);
  end.signal = signal;
  return end;
}

JobEnd judged(const std::vector<RankEnd>& ends, int passed_on = 0) {
  JobFacts facts;
  facts.host = "gpu07";
  facts.passed_on = passed_on;
  facts.memory_limit = "2.0 GiB";
  return judge(ends, facts);
}

TEST(JobEnd, AllWell) {
  const JobEnd job = judged({with_code(0, 0, 2), with_code(1, 0, 1)});
  EXPECT_EQ(job.exit_code, 0);
  EXPECT_EQ(job.sentence, "");
  EXPECT_FALSE(job.shows_table);
}

TEST(JobEnd, StoppedOnRequestIsNoFailureAndIsNotStartedAgain) {
  const JobEnd job = judged({with_code(0, 75, 2), with_code(1, 75, 2)}, SIGUSR1);
  EXPECT_EQ(job.exit_code, 75);
  EXPECT_FALSE(job.may_restart);
  EXPECT_FALSE(job.shows_table);
  // one rank had the request from elsewhere, the other lost it
  const JobEnd torn = judged({with_code(0, 75, 2), with_code(1, 4, 2.1)});
  EXPECT_EQ(torn.exit_code, 4);
  EXPECT_FALSE(torn.may_restart);
}

struct Blamed {
  const char* what;
  std::vector<RankEnd> ends;
  int rank, exit_code;
  bool may_restart;
};

TEST(JobEnd, NamesTheRankAtFaultAndNotThoseThatLostIt) {
  for (const Blamed& one : std::vector<Blamed>{
           {"killed; the other is told to end",
            {by_signal(0, SIGTERM, 3.1, true), by_signal(1, SIGKILL, 3)},
            1,
            4,
            true},
           {"killed; the other lost its peer and was seen first",
            {with_code(0, 4, 3), by_signal(1, SIGKILL, 3.01)},
            1,
            4,
            true},
           {"killed; Gloo ended the other by abort",
            {by_signal(0, SIGABRT, 3), by_signal(1, SIGSEGV, 3.2)},
            1,
            4,
            true},
           {"numeric error said later than its answer",
            {with_code(0, 5, 5), with_code(1, 4, 3.5)},
            0,
            5,
            false},
           {"all lost each other", {with_code(0, 4, 3.5), with_code(1, 4, 3.4)}, 1, 4, true},
           {"bad data on both", {with_code(0, 3, 1), with_code(1, 3, 1.1)}, 0, 3, false},
           {"no checkpoint", {with_code(0, 7, 1), with_code(1, 4, 1.5)}, 0, 7, false},
           {"our mistake", {with_code(0, 70, 1), with_code(1, 4, 0.5)}, 0, 70, false},
           {"a code of another program", {with_code(0, 0, 1), with_code(1, 1, 1)}, 1, 1, true},
           {"killed inside a shell", {with_code(0, 137, 1), with_code(1, 4, 1)}, 0, 4, true},
           {"device", {with_code(0, 8, 1), with_code(1, 4, 1)}, 0, 8, false},
           {"only those that were told failed: the first",
            {by_signal(0, SIGKILL, 4, true), by_signal(1, SIGKILL, 3, true)},
            1,
            4,
            true}}) {
    const JobEnd job = judged(one.ends);
    EXPECT_EQ(job.exit_code, one.exit_code) << one.what;
    EXPECT_EQ(job.may_restart, one.may_restart) << one.what;
    EXPECT_TRUE(job.shows_table) << one.what;
    EXPECT_THAT(job.sentence, testing::StartsWith("rank " + std::to_string(one.rank) + " (gpu07"))
        << one.what;
    EXPECT_THAT(job.sentence, HasSubstr("expected exit code 0, found ")) << one.what;
    EXPECT_THAT(job.sentence, Not(HasSubstr("\n"))) << one.what;
  }
}

TEST(JobEnd, RepeatsTheLastLineOfARankThatEndedByItself) {
  RankEnd refused = with_code(1, 2, 1), killed = by_signal(0, SIGKILL, 1);
  refused.last_line = "precinct: heads: expected 4, found 3";
  killed.last_line = "step 12";
  EXPECT_THAT(judged({with_code(0, 0, 2), refused}).sentence,
              testing::EndsWith("; its last line: precinct: heads: expected 4, found 3"));
  EXPECT_THAT(judged({killed}).sentence, Not(HasSubstr("step 12")));
  RankEnd same = refused;
  same.rank = 3;
  const std::string table = rank_table({refused, with_code(2, 0, 1), same}, "gpu07");
  EXPECT_THAT(table, testing::ContainsRegex("\n +1 [^\n]*heads: expected 4, found 3\n"
                                            " +2 [^\n]*\\(none\\)\n"
                                            " +3 [^\n]*\\(as rank 1\\)\n$"));
}

TEST(JobEnd, OutOfMemoryIsCode8WithTheLimitAndNotStartedAgain) {
  RankEnd killed = by_signal(1, SIGKILL, 2);
  killed.out_of_memory = true;
  const JobEnd job = judged({with_code(0, 4, 1.9), killed});
  EXPECT_EQ(job.exit_code, 8);
  EXPECT_FALSE(job.may_restart);
  EXPECT_THAT(job.sentence, HasSubstr("rank 1"));
  EXPECT_THAT(job.sentence, HasSubstr("2.0 GiB"));
}

TEST(JobEnd, ASignalFromOutsideIsTheCodeOfProgramsThatDoNotSave) {
  EXPECT_EQ(judged({by_signal(0, SIGINT, 1), by_signal(1, SIGINT, 1)}, SIGINT).exit_code, 130);
  EXPECT_EQ(judged({with_code(0, 143, 1), with_code(1, 0, 1)}, SIGTERM).exit_code, 143);
  EXPECT_FALSE(judged({by_signal(0, SIGINT, 1)}, SIGINT).may_restart);
  EXPECT_EQ(judged({by_signal(0, SIGKILL, 3, true)}, SIGTERM).exit_code, 143) << "after the grace";
  for (const int crash : {SIGSEGV, SIGABRT, SIGKILL})  // while it saved
    EXPECT_EQ(judged({by_signal(0, crash, 2), with_code(1, 75, 3)}, SIGUSR1).exit_code, 4);
}

TEST(JobEnd, SaysWhatTheFailedRankMayHaveMissed) {
  EXPECT_THAT(judged({with_code(0, 4, 2), with_code(1, 0, 1.5)}).sentence,
              HasSubstr("rank 1 had left with exit code 0 at 1.5 s"));
  RankEnd held = by_signal(1, SIGKILL, 70, true);
  held.was_stopped = true;
  EXPECT_THAT(judged({with_code(0, 4, 65), held}).sentence,
              HasSubstr("rank 1 was held by SIGSTOP"));
  EXPECT_THAT(judged({with_code(0, 3, 2), with_code(1, 0, 1.5)}).sentence,
              Not(HasSubstr("had left")));
}

TEST(JobEnd, WhatTheRanksFoundIsTheCauseUnlessOneWasKilled) {
  JobFacts facts;
  facts.verdict = "rank 1 (node, pid 7): expected to join ...";
  RankEnd zero, one;
  zero.code = 4;
  one.rank = 1;
  one.signal = SIGKILL;
  one.was_told = true;
  one.step = 12;
  const JobEnd hung = judge({zero, one}, facts);
  EXPECT_EQ(hung.exit_code, 4);
  EXPECT_TRUE(hung.may_restart);
  EXPECT_EQ(hung.sentence, facts.verdict);
  const std::string table = rank_table({zero, one}, "node");
  EXPECT_NE(table.find("    step  cause"), std::string::npos) << table;
  EXPECT_NE(table.find("      12  killed by SIGKILL"), std::string::npos) << table;
  one.was_told = false;
  EXPECT_NE(judge({zero, one}, facts).sentence, facts.verdict);
}

TEST(JobEnd, SaysWhereTheOutputIs) {
  JobFacts facts;
  facts.logs = "logs/today";
  EXPECT_THAT(judge({with_code(0, 0, 1), with_code(1, 3, 1)}, facts).sentence,
              HasSubstr("logs/today/rank-1.log"));
}

TEST(RankTable, HasOneLineForEachRankInColumns) {
  std::vector<RankEnd> ends = {by_signal(0, SIGTERM, 12.34, true), by_signal(1, SIGKILL, 12.3),
                               with_code(2, 0, 1)};
  ends[1].last_line = "step 12  loss 0.5";
  EXPECT_EQ(rank_table(ends, "gpu07"),
            " rank  host        pid      after  cause                                     last "
            "line\n"
            "    0  gpu07       100     12.3 s  killed by SIGTERM, ended by the launcher  (none)\n"
            "    1  gpu07       101     12.3 s  killed by SIGKILL                         step 12  "
            "loss 0.5\n"
            "    2  gpu07       102      1.0 s  exit code 0                               "
            "(none)\n");
  EXPECT_THAT(rank_table({with_code(0, 4, 1, true)}, "h"), HasSubstr("exit code 4, told to end  "));
  EXPECT_EQ(signal_name(SIGUSR1), "SIGUSR1");
  EXPECT_EQ(signal_name(64), "signal 64");
}

}  // namespace
}  // namespace precinct::launch
