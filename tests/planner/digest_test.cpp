#include "planner/digest.h"

#include <gtest/gtest.h>

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

TEST(Digest, DoesNotChangeWithWords) {
  Scenario changed = toy_scenario();
  changed.description = "another text";
  changed.hardware.device.memory_bytes.source = "another source";
  changed.search.tensor = {2};
  EXPECT_EQ(scenario_digest(changed), scenario_digest(toy_scenario()));
}

}  // namespace
}  // namespace paraplan
