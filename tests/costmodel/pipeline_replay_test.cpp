#include "costmodel/time/pipeline_replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
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
  if (p > 1 && random() % 4 == 0) schedule = PipelineSchedule::zb_h1, v = 1;
  PipelineTimes t = equal_stages(schedule, p, v, 1, 2);
  if (splits_backward(schedule)) t.weight_s.assign(t.forward_s.size(), 0.2 + part(random));
  const double spread[] = {0, 0.01, 0.3, 3}, uneven = spread[random() % 4];
  const double send[] = {0, 0.001, 0.1, 1}, longest = send[random() % 4];
  for (size_t i = 0; i < t.forward_s.size(); ++i) {
    t.forward_s[i] += uneven * part(random);
    t.backward_s[i] += uneven * part(random);
    if (!t.weight_s.empty()) t.weight_s[i] += uneven * part(random);
    t.send_forward_s[i] = longest * part(random);
    t.send_backward_s[i] = longest * part(random);
  }
  t.send_forward_s.back() = t.send_backward_s.front() = 0;
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
  const double f = 1.5, b = 2.5;
  for (PipelineSchedule schedule : {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b}) {
    for (int64_t p = 1; p <= 8; ++p) {
      for (int64_t m = 1; m <= 40; ++m) {
        const double end = end_of(replay(equal_stages(schedule, p, 1, f, b), m));
        EXPECT_NEAR(end, static_cast<double>(m + p - 1) * (f + b), 1e-9) << "p " << p << " m " << m;
        const double bubble = 1 - static_cast<double>(m) * (f + b) / end;
        EXPECT_NEAR(bubble, static_cast<double>(p - 1) / static_cast<double>(m + p - 1), 1e-12);
      }
    }
  }
}

TEST(PipelineReplay, InterleavingDividesTheBubble) {
  // Narayanan et al. 2021, section 2.2.2: bubble / useful time = (p - 1) / (v m).
  const double f = 1.5, b = 2.5;  // of the whole stage
  for (int64_t p = 2; p <= 8; ++p) {
    for (int64_t v = 2; v <= 4; ++v) {
      for (int64_t m = p; m <= 5 * p; m += p) {
        const auto chunks = static_cast<double>(v), useful = static_cast<double>(m) * (f + b);
        const PipelineTimes t = equal_stages(PipelineSchedule::interleaved, p, v, f / chunks, b / chunks);
        EXPECT_NEAR(end_of(replay(t, m)) / useful - 1,
                    static_cast<double>(p - 1) / (chunks * static_cast<double>(m)), 1e-9)
            << "p " << p << " v " << v << " m " << m;
      }
    }
  }
}

TEST(PipelineReplay, WeightPassesFillTheBubble) {
  // Qi et al. 2023 (arXiv 2401.10241), table 1: the bubble of ZB-H1 is (p - 1) (F + B - W), where the weight
  // passes of a stage are no longer than what it waits for.
  for (const auto& [f, b, w] : {std::array{1.0, 1.0, 1.0}, {1.0, 1.0, 0.5}, {1.5, 1.25, 1.0}}) {
    for (int64_t p = 2; p <= 8; ++p) {
      for (int64_t m = 2 * p; m <= 3 * p; ++m) {
        PipelineTimes t = equal_stages(PipelineSchedule::zb_h1, p, 1, f, b);
        t.weight_s.assign(t.forward_s.size(), w);
        const double useful = static_cast<double>(m) * (f + b + w);
        EXPECT_NEAR(end_of(replay(t, m)) - useful, static_cast<double>(p - 1) * (f + b - w), 1e-9)
            << "p " << p << " m " << m << " W " << w;
      }
    }
  }
}

TEST(PipelineReplay, OfOneMicroBatchIsASerialRun) {
  std::mt19937_64 random(4);
  PipelineReplay fast;
  for (int i = 0; i < 200; ++i) {
    PipelineTimes t = random_times(random);
    if (t.schedule == PipelineSchedule::interleaved) continue;  // needs at least p micro-batches
    if (t.schedule == PipelineSchedule::zb_h1) continue;        // weight passes run beside other stages
    double serial = 0;
    for (size_t s = 0; s < t.forward_s.size(); ++s) {
      serial += t.forward_s[s] + t.backward_s[s];
      if (s + 1 < t.forward_s.size()) serial += t.send_forward_s[s] + t.send_backward_s[s + 1];
    }
    EXPECT_NEAR(end_of(replay(t, 1)), serial, 1e-9);
    EXPECT_NEAR(end_of(fast.stage_ends(t, 1)), serial, 1e-9);
  }
}

TEST(PipelineReplay, BlockingSendsByHand) {
  // Two stages, F = 1, B = 2, sends of 1, two micro-batches. Stage 0: F0 0-1, send till 2, F1 2-3, send till
  // 4. Stage 1: F0 2-3, B0 3-5, send till 6, F1 6-7, B1 7-9, send till 10. Stage 0: B0 6-8, B1 10-12.
  PipelineTimes t = equal_stages(PipelineSchedule::one_f_one_b, 2, 1, 1, 2);
  t.send_forward_s = {1, 0};
  t.send_backward_s = {0, 1};
  t.blocking_sends = true;
  EXPECT_EQ(replay(t, 2), (std::vector<double>{12, 9}));
  // Not blocking: stage 0: F0 0-1, F1 1-2. Stage 1: F0 2-3, B0 3-5, F1 5-6, B1 6-8. Stage 0: B0 6-8, B1 9-11.
  t.blocking_sends = false;
  EXPECT_EQ(replay(t, 2), (std::vector<double>{11, 8}));
}

TEST(PipelineReplay, StartsNoPassBeforeItsInputIsThere) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 300; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t m = random_micro_batches(t, random, 40), last = t.pipeline * t.virtual_stages - 1;
    std::map<std::pair<int64_t, int64_t>, ReplayedStep> forward, backward;  // by virtual stage, micro-batch
    std::vector<double> free_at(static_cast<size_t>(t.pipeline), 0.0);
    size_t weights = 0;
    replay(t, m, [&](const ReplayedStep& done) {
      const int64_t part = done.step.chunk * t.pipeline + done.stage, mb = done.step.micro_batch;
      double& free = free_at[static_cast<size_t>(done.stage)];
      EXPECT_GE(done.start_s, free);
      free = t.blocking_sends ? done.sent_s : done.end_s;
      if (done.step.pass == Pass::weight) {
        EXPECT_DOUBLE_EQ(done.end_s, done.start_s + t.weight_s[static_cast<size_t>(part)]);
        EXPECT_GE(done.start_s, backward.at({part, mb}).end_s);
        ++weights;
        return;
      }
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
    EXPECT_EQ(weights, splits_backward(t.schedule) ? passes : 0);
  }
}

// Stages of 1F1B for the closed form: long and short ones side by side, all forward or all backward, messages
// from none to longer than a pass; the last stage often the slowest.
PipelineTimes extreme_times(std::mt19937_64& random) {
  const auto p = static_cast<int64_t>(1 + random() % 14);
  PipelineTimes t = equal_stages(PipelineSchedule::one_f_one_b, p, 1, 1, 2);
  const double send[] = {0, 0.01, 0.3, 2}, longest = send[random() % 4];
  const bool equal = random() % 4 == 0, sparse = random() % 3 == 0;
  for (size_t s = 0; s < t.forward_s.size(); ++s) {
    if (s > 0)
      t.send_forward_s[s - 1] = longest * part(random), t.send_backward_s[s] = longest * part(random);
    if (equal) continue;
    const double work = (sparse && random() % 2 == 0 ? 0.05 : 1) * (random() % 4 == 0 ? 1 : part(random));
    const double forward = random() % 3 == 0 ? static_cast<double>(random() % 2) : part(random);
    t.forward_s[s] = work * forward;
    t.backward_s[s] = work * (1 - forward);
  }
  if (random() % 2 == 0) t.backward_s.back() = (equal ? 2 : 1) + part(random);
  t.blocking_sends = random() % 2 == 0;
  return t;
}

double largest_error(const std::vector<double>& ends, const std::vector<double>& exact) {
  EXPECT_EQ(ends.size(), exact.size());
  double largest = 0;
  for (size_t s = 0; s < exact.size(); ++s)
    largest = std::max(largest, std::abs(ends[s] - exact[s]) / end_of(exact));
  return largest;
}

TEST(PipelineReplay, NeverBeatsTheEarliestEnds) {
  std::mt19937_64 random(7);
  int outside = 0;
  for (int i = 0; i < 8000; ++i) {
    const PipelineTimes t = i % 4 == 0 ? random_times(random) : extreme_times(random);
    const int64_t m = random_micro_batches(t, random, 60);
    const std::vector<double> exact = replay(t, m);
    const EarliestEnds earliest = earliest_ends(t, m);
    outside += !earliest.exact;
    for (size_t s = 0; s < exact.size(); ++s)
      ASSERT_LE(earliest.seconds[s], exact[s] * (1 + 1e-12)) << "case " << i << " stage " << s;
  }
  EXPECT_GE(outside, 2000);
}

TEST(PipelineReplay, EndsByFormulaWhereThatIsExact) {
  std::mt19937_64 random(8);
  std::map<PipelineSchedule, int> inside;
  int fewer_micro_batches = 0;
  for (int i = 0; i < 20000; ++i) {
    const PipelineTimes t = i % 4 == 0 ? random_times(random) : extreme_times(random);
    const int64_t m = random_micro_batches(t, random, i % 2 == 0 ? 60 : 12);
    const EarliestEnds earliest = earliest_ends(t, m);
    if (!earliest.exact) continue;
    ++inside[t.schedule];
    fewer_micro_batches += m > 1 && m < t.pipeline;
    ASSERT_LE(largest_error(earliest.seconds, replay(t, m)), 1e-12)
        << "case " << i << " p " << t.pipeline << " m " << m << " blocking " << t.blocking_sends;
  }
  EXPECT_GE(inside[PipelineSchedule::one_f_one_b], 5000);
  EXPECT_GE(inside[PipelineSchedule::gpipe], 1000);
  EXPECT_GE(fewer_micro_batches, 500);
  EXPECT_EQ(inside[PipelineSchedule::interleaved], 0);
  // Equal stages without sends leave no gap but the bubble: the bound is exact.
  const PipelineTimes equal = equal_stages(PipelineSchedule::one_f_one_b, 4, 1, 1, 2);
  EXPECT_TRUE(earliest_ends(equal, 8).exact);
  EXPECT_EQ(earliest_ends(equal, 8).seconds, replay(equal, 8));
}

TEST(PipelineReplay, LongWarmUpsDelayTheFirstGradient) {
  // No stage takes longer than the last, which never waits: its backward passes are at 1-2, 2-3, 3-4. But
  // stage 1 does F2 before B0, and F2 leaves stage 0 at 3: its backward passes are at 3-4, 4-5, 5-6, not from
  // 2 on.
  PipelineTimes t = equal_stages(PipelineSchedule::one_f_one_b, 4, 1, 0, 0);
  t.forward_s = {1, 0, 0, 0};
  t.backward_s = {0, 1, 0, 1};
  EXPECT_EQ(replay(t, 3), (std::vector<double>{6, 6, 4, 4}));
  EXPECT_FALSE(earliest_ends(t, 3).exact);
  EXPECT_EQ(PipelineReplay().stage_ends(t, 3), replay(t, 3));
  t.forward_s = {0.5, 0, 0, 0};  // F2 leaves at 1.5, when the first gradient comes
  EXPECT_TRUE(earliest_ends(t, 3).exact);
  EXPECT_EQ(earliest_ends(t, 3).seconds, replay(t, 3));
}

TEST(PipelineReplay, ExtrapolatesTheFullReplay) {
  std::mt19937_64 random(6);
  PipelineReplay fast;
  for (int i = 0; i < 4000; ++i) {
    const PipelineTimes t = i % 2 == 0 ? random_times(random) : extreme_times(random);
    const int64_t m = random_micro_batches(t, random, 500);
    ASSERT_LE(largest_error(fast.stage_ends(t, m), replay(t, m)), 1e-10)
        << "case " << i << " p " << t.pipeline << " v " << t.virtual_stages << " m " << m;
  }
}

// Many stages take long to become steady, and short replays of them mislead.
TEST(PipelineReplay, ExtrapolatesManyUnequalStages) {
  std::mt19937_64 random(9);
  PipelineReplay fast;
  for (int i = 0; i < 150; ++i) {
    const auto p = static_cast<int64_t>(32 + random() % 49);
    PipelineTimes t = equal_stages(PipelineSchedule::one_f_one_b, p, 1, 1, 2);
    const double uneven = i % 3 == 0 ? 1 : 0.01;
    for (size_t s = 0; s < t.forward_s.size(); ++s) {
      t.forward_s[s] += uneven * part(random);
      if (s > 0) t.send_forward_s[s - 1] = t.send_backward_s[s] = 0.1 * part(random);
    }
    const auto m = static_cast<int64_t>(1 + random() % 600);
    ASSERT_LE(largest_error(fast.stage_ends(t, m), replay(t, m)), 1e-10) << "case " << i << " p " << p;
  }
}

}  // namespace
}  // namespace paraplan
