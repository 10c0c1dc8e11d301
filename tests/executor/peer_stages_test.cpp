#include "executor/emulation/peer_stages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace paraplan {
namespace {

double part(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

PipelineTimes random_times(std::mt19937_64& random) {
  PipelineTimes t{.pipeline = static_cast<int64_t>(2 + random() % 5)};
  using enum PipelineSchedule;
  const PipelineSchedule schedules[] = {gpipe, one_f_one_b, interleaved, zb_h1};
  t.schedule = schedules[random() % 4];
  t.virtual_stages = t.schedule == interleaved ? static_cast<int64_t>(2 + random() % 2) : 1;
  const auto parts = static_cast<size_t>(t.pipeline * t.virtual_stages);
  for (auto* seconds : {&t.forward_s, &t.backward_s, &t.send_forward_s, &t.send_backward_s})
    for (size_t i = 0; i < parts; ++i) seconds->push_back(part(random));
  if (splits_backward(t.schedule)) t.weight_s.assign(parts, 0.5);
  t.send_forward_s.back() = t.send_backward_s.front() = 0;
  return t;
}

// The real stage at work, as fast as it is predicted to be, times `slowness`; returns the end of its list.
double work(PeerStages& peers, const PipelineTimes& t, int64_t micro_batches, int64_t stage,
            double slowness) {
  const int64_t last = t.pipeline * t.virtual_stages - 1;
  double at = 0;
  for (const PipelineStep& step :
       stage_schedule(t.schedule, t.pipeline, stage, micro_batches, t.virtual_stages)) {
    const int64_t own = step.chunk * t.pipeline + stage;
    const auto i = static_cast<size_t>(own);
    if (step.pass == Pass::weight) {
      at += slowness * t.weight_s[i];
      continue;
    }
    const bool forward = step.pass == Pass::forward;
    if (forward && own > 0) at = std::max(at, peers.arrival_s(Pass::forward, own - 1, step.micro_batch));
    if (!forward && own < last) at = std::max(at, peers.arrival_s(Pass::backward, own + 1, step.micro_batch));
    at += slowness * (forward ? t.forward_s : t.backward_s)[i];
    if (forward ? own < last : own > 0) peers.sent(step.pass, own, step.micro_batch, at);
  }
  return at;
}

TEST(PeerStages, AroundAStageThatIsAsPredictedEndAsTheReplay) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t micro_batches = t.pipeline * static_cast<int64_t>(1 + random() % 4);
    const std::vector<double> ends = replay(t, micro_batches);
    for (int64_t stage = 0; stage < t.pipeline; ++stage) {
      PeerStages peers(t, micro_batches, stage);
      for (int step = 0; step < 2; ++step) {
        peers.begin_step();
        EXPECT_NEAR(work(peers, t, micro_batches, stage, 1), ends[static_cast<size_t>(stage)], 1e-9);
        std::vector<double> others = ends;
        others[static_cast<size_t>(stage)] = 0;
        for (size_t s = 0; s < others.size(); ++s) EXPECT_NEAR(peers.ends()[s], others[s], 1e-9);
      }
    }
  }
}

TEST(PeerStages, WaitForAStageThatIsSlower) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100; ++i) {
    const PipelineTimes t = random_times(random);
    const int64_t micro_batches = 2 * t.pipeline, stage = t.pipeline - 1;
    PipelineTimes slow = t;
    for (auto j = static_cast<size_t>(stage); j < t.forward_s.size(); j += static_cast<size_t>(t.pipeline)) {
      slow.forward_s[j] *= 3, slow.backward_s[j] *= 3;
      if (!slow.weight_s.empty()) slow.weight_s[j] *= 3;
    }
    PeerStages peers(t, micro_batches, stage);
    const std::vector<double> ends = replay(slow, micro_batches);
    EXPECT_NEAR(work(peers, t, micro_batches, stage, 3), ends.back(), 1e-9);
    EXPECT_NEAR(peers.ends().front(), ends.front(), 1e-9);
  }
}

TEST(PeerStages, SayWhenTheRealStageMustSendFirst) {
  PipelineTimes t{.pipeline = 2};
  t.forward_s = t.backward_s = {1, 1}, t.send_forward_s = {1, 0}, t.send_backward_s = {0, 1};
  PeerStages peers(t, 1, 0);
  EXPECT_THROW(peers.arrival_s(Pass::backward, 1, 0), std::logic_error);
  EXPECT_THROW(peers.ends(), std::logic_error);
  peers.sent(Pass::forward, 0, 0, 10);
  EXPECT_EQ(peers.arrival_s(Pass::backward, 1, 0), 14);  // 10, sent till 11, passes till 13, sent till 14
  EXPECT_EQ(peers.ends(), (std::vector<double>{0, 13}));
}

}  // namespace
}  // namespace paraplan
