#include "costmodel/run_record.h"

#include <gtest/gtest.h>

#include "executor/run/interrupt.h"
#include "executor/run/machine.h"
#include "executor/run/record_run.h"

namespace paraplan {
namespace {

RankReport rank_report(int64_t rank, int64_t stage, double gemm_s, double bubble_s, double parameter_bytes) {
  RankReport report;
  report.record.rank = rank;
  report.record.stage = stage;
  report.record.breakdown[TimeCategory::gemm] = gemm_s;
  report.record.breakdown[TimeCategory::bubble] = bubble_s;
  report.record.memory[MemoryCategory::parameters] = parameter_bytes;
  report.ops = {{.key = {BlockName::layer, Walk::forward, 0},
                 .name = "ffn.up",
                 .kind = "gemm",
                 .calls = rank,
                 .seconds = gemm_s}};
  report.timeline.events = {{.stage = stage, .name = "forward", .start_s = 0, .end_s = gemm_s}};
  report.timeline.end_s = gemm_s;
  return report;
}

// Two stages of two ranks. In stage 0 rank 1 works longest, though rank 0 is as long busy or waiting.
TrainingResult result_of_four_ranks() {
  TrainingResult result;
  result.ranks = {rank_report(0, 0, 2, 3, 10), rank_report(1, 0, 4, 1, 20), rank_report(2, 1, 7, 0, 40),
                  rank_report(3, 1, 6, 1, 30)};
  return result;
}

TrainingJob job_of_four_ranks(int64_t warmup_steps) {
  TrainingJob job;
  job.scenario.name = "small";
  job.scenario.path = "small.toml";
  job.scenario.cluster.devices_per_node = 4;
  job.layout.data = 2;
  job.layout.pipeline = 2;
  job.warmup_steps = warmup_steps;
  return job;
}

TrainingResult with_seconds(const std::vector<double>& seconds) {
  TrainingResult result = result_of_four_ranks();
  for (const double s : seconds) result.steps.push_back({.loss = 1, .gradient_norm = 1, .seconds = s});
  return result;
}

// Measured: 1, 2, 3, 4, 6. The quartiles are the second and the fourth of five: (4 - 2) / 3.
TEST(RecordRun, MedianAndSpreadLeaveTheWarmUpOut) {
  const RunRecord run = record_run(job_of_four_ranks(2), with_seconds({90, 80, 4, 2, 6, 1, 3}), {});
  EXPECT_DOUBLE_EQ(run.iteration_time_s, 3);
  EXPECT_DOUBLE_EQ(run.iteration_spread, 2.0 / 3);
  EXPECT_EQ(run.steps.size(), 7U);
  EXPECT_EQ(run.warmup_steps, 2);
}

// Of 1, 2, 3, 5: median 2.5, quartiles 1.75 and 3.5.
TEST(RecordRun, AnEvenNumberOfStepsHasItsMedianBetweenTwo) {
  const RunRecord run = record_run(job_of_four_ranks(0), with_seconds({5, 1, 3, 2}), {});
  EXPECT_DOUBLE_EQ(run.iteration_time_s, 2.5);
  EXPECT_DOUBLE_EQ(run.iteration_spread, 1.75 / 2.5);
}

TEST(RecordRun, InterruptedInTheWarmUpMeasuresNoTime) {
  TrainingResult result = with_seconds({1, 2});
  result.complete = false;
  const RunRecord run = record_run(job_of_four_ranks(3), result, {});
  EXPECT_FALSE(run.complete);
  EXPECT_EQ(run.iteration_time_s, 0);
  EXPECT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.ranks.size(), 4U);
}

TEST(RecordRun, KeepsWhatTheRunWasAndWhereItRan) {
  const TrainingJob job = job_of_four_ranks(0);
  const RunRecord run = record_run(
      job, with_seconds({1}),
      {.digest = "fnv1a64:1", .transport = "mpi", .machine = "a machine", .date = "2024-05-17T08:30:00Z"});
  EXPECT_EQ(run.scenario, "small");
  EXPECT_EQ(run.scenario_file, "small.toml");
  EXPECT_EQ(run.digest, "fnv1a64:1");
  EXPECT_EQ(run.cluster.devices(), 4);
  EXPECT_EQ(run.layout, job.layout);
  EXPECT_EQ(run.device, "cpu");
  EXPECT_EQ(run.transport, "mpi");
  EXPECT_EQ(run.machine, "a machine");
  EXPECT_EQ(run.date, "2024-05-17T08:30:00Z");
  EXPECT_EQ(fullest_rank(run).rank, 2);
}

TEST(RecordRun, KeepsWhatTheMachineDidBeside) {
  TrainingResult result = with_seconds({1});
  EXPECT_EQ(record_run(job_of_four_ranks(0), result, {}).load, std::nullopt);
  result.load = {.ranks = 4, .cores = 4, .others_cores = 0.5, .steal_share = 0.1};
  EXPECT_EQ(record_run(job_of_four_ranks(0), result, {}).load, result.load);
}

TEST(RecordRun, TheRankThatWorksLongestSpeaksForItsStage) {
  const TrainingJob job = job_of_four_ranks(0);
  const TrainingResult result = with_seconds({1});
  const RunRecord run = record_run(job, result, {});
  ASSERT_EQ(run.stage_ops.size(), 2U);
  EXPECT_EQ(run.stage_ops[0], result.ranks[1].ops);
  EXPECT_EQ(run.stage_ops[1], result.ranks[2].ops);
  const Timeline timeline = stage_timelines(job, result);
  ASSERT_EQ(timeline.events.size(), 2U);
  EXPECT_EQ(timeline.events[0].end_s, 4);
  EXPECT_EQ(timeline.events[1].stage, 1);
  EXPECT_EQ(timeline.end_s, 7);
}

TEST(Machine, FindsTheProcessorsName) {
  EXPECT_EQ(processor_in("processor\t: 0\nmodel name\t: AMD EPYC 7742\nflags\t: fpu\n"), "AMD EPYC 7742");
  EXPECT_EQ(processor_in("processor\t: 0\n"), "unknown processor");
  EXPECT_EQ(processor_in(""), "unknown processor");
}

TEST(Machine, NamesTheMatrixLibrary) {
  const Machine machine = this_machine();
  EXPECT_NE(machine.name.find(" core"), std::string::npos);
  EXPECT_NE(machine.libraries.find_first_of("0123456789"), std::string::npos) << "no version";
  EXPECT_EQ(to_string(machine), machine.name + ", " + machine.libraries);
}

TEST(InterruptWatch, NotesASignalAndASecondOneSoonAfter) {
  const InterruptWatch watch;
  EXPECT_FALSE(watch.interrupted());
  std::raise(SIGTERM);
  std::raise(SIGINT);
  EXPECT_TRUE(watch.interrupted());
}

TEST(InterruptWatch, StartsAnewEachTime) {
  {
    const InterruptWatch watch;
    std::raise(SIGINT);
    EXPECT_TRUE(watch.interrupted());
  }
  const InterruptWatch watch;
  EXPECT_FALSE(watch.interrupted());
}

}  // namespace
}  // namespace paraplan
