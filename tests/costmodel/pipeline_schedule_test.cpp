#include "costmodel/step/pipeline_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "costmodel/step/schedule_check.h"

namespace paraplan {
namespace {

// "F0 F1 B0 ...", data and weight passes "D0 W0"; with chunks "F0.1" is micro-batch 0 on chunk 1.
std::string text(const std::vector<PipelineStep>& steps, bool chunks) {
  std::string text;
  for (const PipelineStep& s : steps) {
    if (!text.empty()) text += ' ';
    text += "FBDW"[static_cast<size_t>(s.pass)] + std::to_string(s.micro_batch);
    if (chunks) text += '.' + std::to_string(s.chunk);
  }
  return text;
}

struct Case {
  PipelineSchedule schedule;
  int64_t pipeline, micro_batches, virtual_stages;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (int64_t p = 1; p <= 9; ++p) {
    for (int64_t m = 1; m <= 20; ++m) {
      cases.push_back({PipelineSchedule::gpipe, p, m, 1});
      cases.push_back({PipelineSchedule::one_f_one_b, p, m, 1});
      cases.push_back({PipelineSchedule::zb_h1, p, m, 1});
    }
    for (int64_t v = 2; v <= 4 && p > 1; ++v)
      for (int64_t rounds = 1; rounds <= 4; ++rounds)
        cases.push_back({PipelineSchedule::interleaved, p, rounds * p, v});
  }
  return cases;
}

TEST(PipelineSchedule, OneForwardOneBackwardByHand) {
  // Narayanan et al. 2021 (arXiv 2104.04473), figure 4 (top): 4 devices, 8 micro-batches.
  const auto stage = [](int64_t s) {
    return text(stage_schedule(PipelineSchedule::one_f_one_b, 4, s, 8, 1), false);
  };
  EXPECT_EQ(stage(0), "F0 F1 F2 F3 B0 F4 B1 F5 B2 F6 B3 F7 B4 B5 B6 B7");
  EXPECT_EQ(stage(2), "F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 F6 B5 F7 B6 B7");
  EXPECT_EQ(stage(3), "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5 F6 B6 F7 B7");
}

TEST(PipelineSchedule, FewerMicroBatchesThanStages) {
  EXPECT_EQ(text(stage_schedule(PipelineSchedule::one_f_one_b, 8, 0, 2, 1), false), "F0 F1 B0 B1");
}

TEST(PipelineSchedule, GpipeByHand) {
  for (int64_t s = 0; s < 3; ++s)
    EXPECT_EQ(text(stage_schedule(PipelineSchedule::gpipe, 3, s, 4, 1), false), "F0 F1 F2 F3 B0 B1 B2 B3");
}

TEST(PipelineSchedule, InterleavedByHand) {
  // 2 devices of 2 chunks. Warm-up of stage 0: 2 (p - 1) + (v - 1) p = 4 forwards, of stage 1: 2.
  EXPECT_EQ(text(stage_schedule(PipelineSchedule::interleaved, 2, 0, 4, 2), true),
            "F0.0 F1.0 F0.1 F1.1 F2.0 B0.1 F3.0 B1.1 F2.1 B0.0 F3.1 B1.0 B2.1 B3.1 B2.0 B3.0");
  EXPECT_EQ(text(stage_schedule(PipelineSchedule::interleaved, 2, 1, 4, 2), true),
            "F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 F2.0 B0.0 F3.0 B1.0 F2.1 B2.1 F3.1 B3.1 B2.0 B3.0");
}

TEST(PipelineSchedule, ZeroBubbleByHand) {
  // Qi et al. 2023 (arXiv 2401.10241), figure of ZB-H1: 4 devices, 8 micro-batches.
  const auto stage = [](int64_t s) {
    return text(stage_schedule(PipelineSchedule::zb_h1, 4, s, 8, 1), false);
  };
  EXPECT_EQ(stage(0), "F0 F1 F2 F3 D0 W0 F4 D1 W1 F5 D2 W2 F6 D3 W3 F7 D4 W4 D5 W5 D6 W6 D7 W7");
  EXPECT_EQ(stage(3), "F0 D0 F1 D1 F2 D2 F3 D3 W0 F4 D4 W1 F5 D5 W2 F6 D6 W3 F7 D7 W4 W5 W6 W7");
  EXPECT_EQ(text(stage_schedule(PipelineSchedule::zb_h1, 8, 5, 2, 1), false), "F0 F1 D0 D1 W0 W1");
}

TEST(PipelineSchedule, RunsToItsEnd) {
  for (const Case& c : all_cases()) {
    std::vector<std::vector<PipelineStep>> stages;
    for (int64_t s = 0; s < c.pipeline; ++s)
      stages.push_back(stage_schedule(c.schedule, c.pipeline, s, c.micro_batches, c.virtual_stages));
    EXPECT_EQ(schedule_fault(stages, c.micro_batches, c.virtual_stages), std::nullopt)
        << to_string(c.schedule) << " p " << c.pipeline << " m " << c.micro_batches;
  }
}

TEST(PipelineSchedule, RoundsAreWhereTheyAreSaidToBe) {
  for (const Case& c : all_cases()) {
    for (int64_t s = 0; s < c.pipeline; ++s) {
      const ScheduleRounds rounds = schedule_rounds(c.schedule, c.pipeline, s, c.virtual_stages);
      const auto steps = stage_schedule(c.schedule, c.pipeline, s, c.micro_batches, c.virtual_stages);
      const auto before = static_cast<size_t>(rounds.before), length = static_cast<size_t>(rounds.entries);
      if (rounds.micro_batches == 0 || before + 2 * length > steps.size()) continue;
      const int64_t left = c.micro_batches * c.virtual_stages - rounds.forwards;
      if (left < 2 * rounds.micro_batches * c.virtual_stages) continue;  // forward passes run out
      EXPECT_EQ(std::count_if(steps.begin(), steps.begin() + rounds.before,
                              [](const PipelineStep& step) { return step.pass == Pass::forward; }),
                rounds.forwards);
      for (size_t i = before; i < before + length; ++i) {
        PipelineStep later = steps[i];
        later.micro_batch += rounds.micro_batches;
        EXPECT_EQ(steps[i + length], later) << to_string(c.schedule) << " stage " << s << " entry " << i;
      }
    }
  }
}

// By walking the list.
int64_t most_alive(const std::vector<PipelineStep>& steps) {
  int64_t alive = 0, most = 0;
  for (const PipelineStep& s : steps) {
    if (s.pass == Pass::forward) ++alive;
    if (s.pass == Pass::backward || s.pass == Pass::weight) --alive;
    most = std::max(most, alive);
  }
  return most;
}

TEST(PipelineSchedule, PeakInFlight) {
  for (const Case& c : all_cases()) {
    const int64_t p = c.pipeline, m = c.micro_batches, v = c.virtual_stages;
    for (int64_t r = 0; r < p; ++r) {
      int64_t expected = m;  // gpipe keeps all
      if (c.schedule == PipelineSchedule::one_f_one_b) expected = std::min(m, p - r);
      if (c.schedule == PipelineSchedule::zb_h1) expected = std::min(m, p);
      // Warm-up, and the forward that precedes the first backward.
      if (c.schedule == PipelineSchedule::interleaved)
        expected = std::min(m * v, (v - 1) * p + 2 * (p - r - 1) + 1);
      EXPECT_EQ(peak_in_flight(c.schedule, p, r, m, v), expected)
          << "p " << p << " stage " << r << " m " << m << " v " << v;
      EXPECT_EQ(most_alive(stage_schedule(c.schedule, p, r, m, v)), expected)
          << "p " << p << " stage " << r << " m " << m << " v " << v;
    }
  }
}

}  // namespace
}  // namespace paraplan
