#include "planner/search/digest.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

// Test vectors of the algorithm's authors.
TEST(Fnv1a, KnownValues) {
  EXPECT_EQ(fnv1a_64(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a_64("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a_64("foobar"), 0x85944171f73967e8U);
}

TEST(Digest, ChangesWithEveryKindOfInput) {
  const Scenario base = toy_scenario();
  const std::string digest = scenario_digest(base);
  EXPECT_EQ(digest, scenario_digest(toy_scenario()));
  EXPECT_EQ(digest.size(), std::string("fnv1a64:0123456789abcdef").size());

  Scenario changed = base;
  changed.hardware.device.memory_bytes.value *= 2;
  EXPECT_NE(scenario_digest(changed), digest);
  changed = base;
  changed.network.latency_s.value *= 2;
  EXPECT_NE(scenario_digest(changed), digest);
  changed = base;
  changed.software.fusion.flash_attention = !base.software.fusion.flash_attention;
  EXPECT_NE(scenario_digest(changed), digest);
  changed = base;
  changed.software.stage_balance = StageBalance::parameters;
  EXPECT_NE(scenario_digest(changed), digest);
  changed = base;
  changed.model.tied_embeddings = !base.model.tied_embeddings;
  EXPECT_NE(scenario_digest(changed), digest);
  changed = base;
  changed.global_batch *= 2;
  EXPECT_NE(scenario_digest(changed), digest);
}

Scenario measured_scenario() {
  Scenario s = toy_scenario();
  s.hardware.device.gemm_samples = {{Precision::fp16, 8, 8, 8, 1, 1e-6, "test"}};
  s.hardware.device.op_samples = {{.kind = OpKind::norm, .bytes = 64, .seconds = 1e-6},
                                  {.kind = OpKind::norm, .bytes = 64, .seconds = 2e-6}};
  s.hardware.node.samples = {{.ranks = 2, .bytes = 64, .seconds = 1e-6}};
  return s;
}

// Digest of the measured scenario after `change` to its hardware.
template <class Change>
std::string digest_after(const Change& change) {
  Scenario s = measured_scenario();
  change(s.hardware);
  return scenario_digest(s);
}

TEST(Digest, ChangesWithEverySample) {
  const std::string digest = scenario_digest(measured_scenario());
  EXPECT_NE(digest, scenario_digest(toy_scenario()));
  EXPECT_NE(digest, digest_after([](HardwareProfile& h) { h.device.gemm_samples[0].seconds = 2e-6; }));
  EXPECT_NE(digest, digest_after([](HardwareProfile& h) { h.node.samples[0].seconds = 2e-6; }));
  EXPECT_NE(digest, digest_after([](HardwareProfile& h) { h.node.samples[0].ranks = 3; }));
  EXPECT_NE(digest,
            digest_after([](HardwareProfile& h) { h.node.samples[0].kind = CollectiveSample::Kind::send; }));
}

TEST(Digest, ChangesWithEveryFieldOfAnOpSample) {
  const std::string digest = scenario_digest(measured_scenario());
  const auto after = [](const auto& change) {
    return digest_after([&](HardwareProfile& h) { change(h.device.op_samples[0]); });
  };
  EXPECT_NE(digest, after([](OpSample& s) { s.precision = Precision::fp64; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.kind = OpKind::gelu; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.derivative = Derivative::data; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.m = 1; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.n = 1; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.k = 1; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.batch = 2; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.bytes = 65; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.random = true; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.causal = true; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.ranks = 2; }));
  EXPECT_NE(digest, after([](OpSample& s) { s.seconds = 3e-6; }));
  // No price depends on how much the measurements scattered.
  EXPECT_EQ(digest, after([](OpSample& s) { s.noise = 0.5; }));
}

TEST(Digest, FollowsTheOrderOfSamples) {
  // Of two samples of one op the later one counts, so another order is another scenario.
  EXPECT_NE(scenario_digest(measured_scenario()), digest_after([](HardwareProfile& h) {
              std::swap(h.device.op_samples[0], h.device.op_samples[1]);
            }));
}

TEST(Digest, DoesNotChangeWithWords) {
  Scenario changed = toy_scenario();
  changed.description = "another text";
  changed.hardware.device.memory_bytes.source = "another source";
  changed.search.tensor = {2};
  EXPECT_EQ(scenario_digest(changed), scenario_digest(toy_scenario()));
}

}  // namespace
}  // namespace paraplan
