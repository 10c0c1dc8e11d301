#include "costmodel/time/pipeline_replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace paraplan {
namespace {

PipelineTimes equal_stages(PipelineSchedule schedule, int64_t pipeline, int64_t virtual_stages,
                           double forward_s, double backward_s) {
  const auto parts = static_cast<size_t>(pipeline * virtual_stages);
  PipelineTimes t{.schedule = schedule, .pipeline = pipeline, .virtual_stages = virtual_stages};
  t.forward_s.assign(parts, forward_s);
  t.backward_s.assign(parts, backward_s);
  t.send_forward_s.assign(parts, 0);
  t.send_backward_s.assign(parts, 0);
  return t;
}

double end_of(const std::vector<double>& ends) {
  return *std::max_element(ends.begin(), ends.end());
}

double part(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

// Stages that differ a lot, a little or in one place; sends from none to as long as a pass.
PipelineTimes random_times(std::mt19937_64& random) {
  const auto p = static_cast<int64_t>(1 + random() % 12);
  int64_t v = 1;
  PipelineSchedule schedule = random() % 2 == 0 ? PipelineSchedule::gpipe : PipelineSchedule::one_f_one_b;
  if (p > 1 && random() % 3 == 0) {
    schedule = PipelineSchedule::interleaved;
    v = static_cast<int64_t>(2 + random() % 3);
  }
  PipelineTimes t = equal_stages(schedule, p, v, 1, 2);
  const double spread[] = {0, 0.01, 0.3, 3}, uneven = spread[random() % 4];
  const double send[] = {0, 0.001, 0.1, 1}, longest = send[random() % 4];
  for (size_t i = 0; i < t.forward_s.size(); ++i) {
    t.forward_s[i] += uneven * part(random);
    t.backward_s[i] += uneven * part(random);
    t.send_forward_s[i] = longest * part(random);
    t.send_backward_s[i] = longest * part(random);
  }
  if (random() % 3 == 0) t.backward_s.back() += 2 * part(random);  // the head
  t.blocking_sends = random() % 2 == 0;
  return t;
}

int64_t random_micro_batches(const PipelineTimes& t, std::mt19937_64& random, uint64_t largest) {
  const auto m = static_cast<int64_t>(1 + random() % largest);
  return t.schedule == PipelineSchedule::interleaved ? (m + t.pipeline - 1) / t.pipeline * t.pipeline : m;
}

TEST(PipelineReplay, OfEqualStagesHasTheKnownLength) {
  // Narayanan et al. 2021, section 2.2: (m + p - 1) (F + B), so a bubble of (p - 1) / (m + p - 1).
  PipelineReplay replay;
  const double f = 1.5, b = 2.5;
  for (PipelineSchedule schedule : {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b}) {
    for (int64_t p = 1; p <= 8; ++p) {
      for (int64_t m = 1; m <= 40; ++m) {
        const double end = end_of(replay.replay(equal_stages(schedule, p, 1, f, b), m));
        EXPECT_NEAR(end, static_cast<double>(m + p - 1) * (f + b), 1e-9) << "p " << p << " m " << m;
        const double bubble = 1 - static_cast<double>(m) * (f + b) / end;
        EXPECT_NEAR(bubble, static_cast<double>(p - 1) / static_cast<double>(m + p - 1), 1e-12);
      }
    }
  }
}

TEST(PipelineReplay, InterleavingDividesTheBubble) {
  // Narayanan et al. 2021, section 2.2.2: bubble / useful time = (p - 1) / (v m).
  PipelineReplay replay;
  const double f = 1.5, b = 2.5;  // of the whole stage
  for (int64_t p = 2; p <= 8; ++p) {
    for (int64_t v = 2; v <= 4; ++v) {
      for (int64_t m = p; m <= 5 * p; m += p) {
        const auto chunks = static_cast<double>(v), useful = static_cast<double>(m) * (f + b);
        const PipelineTimes t = equal_stages(PipelineSchedule::interleaved, p, v, f / chunks, b / chunks);
        EXPECT_NEAR(end_of(replay.replay(t, m)) / useful - 1,
                    static_cast<double>(p - 1) / (chunks * static_cast<double>(m)), 1e-9)
            << "p " << p << " v " << v << " m " << m;
      }
    }
  }
}

TEST(PipelineReplay, OfOneMicroBatchIsASerialRun) {
  std::mt19937_64 random(4);
  PipelineReplay replay;
  for (int i = 0; i < 200; ++i) {
    PipelineTimes t = random_times(random);
    if (t.schedule == PipelineSchedule::interleaved) continue;  // needs at least p micro-batches
    double serial = 0;
    for (size_t s = 0; s < t.forward_s.size(); ++s) {
      serial += t.forward_s[s] + t.backward_s[s];
      if (s + 1 < t.forward_s.size()) serial += t.send_forward_s[s] + t.send_backward_s[s + 1];
    }
    EXPECT_NEAR(end_of(replay.replay(t, 1)), serial, 1e-9);
    EXPECT_NEAR(end_of(replay.stage_ends(t, 1)), serial, 1e-9);
  }
}

TEST(PipelineReplay, BlockingSendsByHand) {
  // Two stages, F = 1, B = 2, sends of 1, two micro-batches. Stage 0: F0 0-1, send till 2, F1 2-3, send till
  // 4. Stage 1: F0 2-3, B0 3-5, send till 6, F1 6-7, B1 7-9, send till 10. Stage 0: B0 6-8, B1 10-12.
  PipelineTimes t = equal_stages(PipelineSchedule::one_f_one_b, 2, 1, 1, 2);
  t.send_forward_s = {1, 0};
  t.send_backward_s = {0, 1};
  PipelineReplay replay;
  t.blocking_sends = true;
  EXPECT_EQ(replay.replay(t, 2), (std::vector<double>{12, 9}));
  // Not blocking: stage 0: F0 0-1, F1 1-2. Stage 1: F0 2-3, B0 3-5, F1 5-6, B1 6-8. Stage 0: B0 6-8, B1 9-11.
  t.blocking_sends = false;
  EXPECT_EQ(replay.replay(t, 2), (std::vector<double>{11, 8}));
}

TEST(PipelineReplay, StartsNoPassBeforeItsInputIsThere) {
  std::mt19937_64 random(5);
  PipelineReplay replay;
  for (int i = 0; i < 300; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t m = random_micro_batches(t, random, 40), last = t.pipeline * t.virtual_stages - 1;
    std::map<std::pair<int64_t, int64_t>, ReplayedStep> forward, backward;  // by virtual stage, micro-batch
    std::vector<double> free_at(static_cast<size_t>(t.pipeline), 0.0);
    replay.replay(t, m, [&](const ReplayedStep& done) {
      const int64_t part = done.step.chunk * t.pipeline + done.stage, mb = done.step.micro_batch;
      double& free = free_at[static_cast<size_t>(done.stage)];
      EXPECT_GE(done.start_s, free);
      free = t.blocking_sends ? done.sent_s : done.end_s;
      const bool is_forward = done.step.pass == Pass::forward;
      const auto seconds = (is_forward ? t.forward_s : t.backward_s)[static_cast<size_t>(part)];
      EXPECT_DOUBLE_EQ(done.end_s, done.start_s + seconds);
      (is_forward ? forward : backward).emplace(std::pair(part, mb), done);
      double ready = 0;
      if (is_forward && part > 0) ready = forward.at({part - 1, mb}).sent_s;
      if (!is_forward)
        ready = part < last ? backward.at({part + 1, mb}).sent_s : forward.at({part, mb}).end_s;
      EXPECT_GE(done.start_s, ready);
    });
    const auto passes = static_cast<size_t>((last + 1) * m);
    EXPECT_EQ(forward.size(), passes);
    EXPECT_EQ(backward.size(), passes);
  }
}

TEST(PipelineReplay, NeverBeatsTheEarliestEnds) {
  std::mt19937_64 random(7);
  PipelineReplay replay;
  for (int i = 0; i < 1000; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t m = random_micro_batches(t, random, 60);
    const std::vector<double> exact = replay.replay(t, m), earliest = earliest_ends(t, m);
    for (size_t s = 0; s < exact.size(); ++s)
      ASSERT_LE(earliest[s], exact[s] * (1 + 1e-12)) << "case " << i << " stage " << s;
  }
  // Equal stages without sends leave no gap but the bubble: the bound is exact.
  const PipelineTimes equal = equal_stages(PipelineSchedule::one_f_one_b, 4, 1, 1, 2);
  EXPECT_EQ(earliest_ends(equal, 8), replay.replay(equal, 8));
}

TEST(PipelineReplay, ExtrapolatesTheFullReplay) {
  std::mt19937_64 random(6);
  PipelineReplay replay;
  for (int i = 0; i < 2000; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t m = random_micro_batches(t, random, 500);
    const std::vector<double> exact = replay.replay(t, m), closed = replay.stage_ends(t, m);
    ASSERT_EQ(closed.size(), exact.size());
    for (size_t s = 0; s < exact.size(); ++s)
      ASSERT_NEAR(closed[s] / exact[s], 1, 1e-7)
          << "case " << i << " stage " << s << " p " << t.pipeline << " v " << t.virtual_stages << " m " << m;
  }
}

}  // namespace
}  // namespace paraplan
