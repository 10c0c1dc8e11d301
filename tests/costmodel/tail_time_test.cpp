#include "costmodel/time/tail_time.h"

#include <gtest/gtest.h>

#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

class OfSoftware : public testing::TestWithParam<const char*> {};

void expect_equal(const TailTime& a, const TailTime& b, const Layout& layout) {
  EXPECT_EQ(a.until_sum_s(), b.until_sum_s()) << to_string(layout);
  EXPECT_EQ(a.from_sum_s(), b.from_sum_s()) << to_string(layout);
  ASSERT_EQ(a.ops().size(), b.ops().size()) << to_string(layout);
  for (size_t i = 0; i < a.ops().size(); ++i) {
    EXPECT_EQ(a.price(i).seconds, b.price(i).seconds) << a.ops()[i].op.name << " of " << to_string(layout);
    EXPECT_EQ(a.ops()[i].calls, b.ops()[i].calls) << a.ops()[i].op.name << " of " << to_string(layout);
  }
}

// What is remembered must be found by all that it depends on.
TEST_P(OfSoftware, RememberedTailsAreThoseOfTheLayout) {
  const Scenario s = shipped_scenario(GetParam());
  const BlockPricer pricer(s);
  TailPricer all(s, pricer);
  std::mt19937_64 random(23);
  const TailStage stages[] = {{{1e8, 20, 1e5}, true, false}, {{1e8, 20, 1e5}, false, false}, {{2e8, 30, 0}}};
  for (int i = 0; i < 300; ++i) {
    const Layout layout = random_valid_layout(s, random);
    const GroupPlacements groups = place_groups(layout, s.cluster.devices_per_node);
    const StagePassSeconds passes{0.01 * static_cast<double>(random_below(random, 4)),
                                  0.01 * static_cast<double>(random_below(random, 4))};
    for (const TailStage& stage : stages) {
      TailPricer fresh(s, pricer);
      expect_equal(all.time(layout, groups, stage, passes), fresh.time(layout, groups, stage, passes),
                   layout);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, OfSoftware,
                         testing::Values("gpt3_175b_a100", "libai_gpt2_v100", "deepspeed_bert_345m_a100_40gb",
                                         "hf_qwen_14b_a100"),
                         [](const auto& scenario) { return std::string(scenario.param); });

// A reduction beside the backward pass hides behind it, but for its last bucket and what it costs the other.
TEST(TailTime, AReductionHidesBehindTheBackwardPass) {
  Scenario s = shipped_scenario("megatron2023_bert_v100");
  s.software.communication.gradient_reduction = GradientReduction::overlapped;
  s.software.communication.bucket_bytes.value = 1e8;
  const BlockPricer pricer(s);
  TailPricer tails(s, pricer);
  const Layout layout{.data = s.cluster.devices()};
  const GroupPlacements groups = place_groups(layout, s.cluster.devices_per_node);
  const TailStage stage{.state = {.parameters = 1e9}};
  const double exposed_s = tails.time(layout, groups, stage, {}).until_sum_s(),
               hidden_s =
                   tails.time(layout, groups, stage, {.forward_s = 0, .backward_s = 1e3}).until_sum_s();
  EXPECT_LT(hidden_s, exposed_s);
  EXPECT_GT(hidden_s, 0);
}

}  // namespace
}  // namespace paraplan
