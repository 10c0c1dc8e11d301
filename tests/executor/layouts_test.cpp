// Every layout trains the same model: losses and gradients are those of one rank.
#include <gtest/gtest.h>

#include <memory>

#include "covering.h"
#include "reference.h"

namespace paraplan {
namespace {

class EveryLayout : public testing::TestWithParam<LayoutCase> {
 protected:
  static void SetUpTestSuite() { references_ = std::make_unique<References>(); }
  static void TearDownTestSuite() { references_.reset(); }

  static void expect_one_ranks_training(const LayoutCase& c, Precision precision) {
    const Trained& reference = references_->of(c, precision);
    const Trained trained = train_on_threads(job_of(scenario_of(c, precision), c.layout));
    const Tolerance tolerance = tolerance_of(precision);
    EXPECT_LT(difference(reference.losses, trained.losses), tolerance.value);
    EXPECT_LT(difference(reference.first_gradients, trained.first_gradients), tolerance.value);
    if (!tolerance.last_gradients) {
      EXPECT_LT(difference({reference.norms.front()}, {trained.norms.front()}), tolerance.value);
      return;
    }
    EXPECT_LT(difference(reference.norms, trained.norms), tolerance.value);
    EXPECT_LT(difference(reference.last_gradients, trained.last_gradients), tolerance.value);
  }

 private:
  static std::unique_ptr<References> references_;
};

std::unique_ptr<References> EveryLayout::references_;

TEST_P(EveryLayout, TrainsLikeOneRankInDoublePrecision) {
  expect_one_ranks_training(GetParam(), Precision::fp64);
}

TEST_P(EveryLayout, TrainsLikeOneRankInSinglePrecision) {
  expect_one_ranks_training(GetParam(), Precision::fp32);
}

// Without dropout, whose masks are drawn for another op.
TEST(FlashAttention, TrainsLikeTheKernelsThatItStandsFor) {
  for (const Family family : {Family::gpt, Family::bert, Family::llama}) {
    Scenario s = small_scenario(family, 0);
    const Layout layout{.tensor = 2, .context = 2};
    s.cluster.devices_per_node = layout.devices();
    const Trained unfused = train_on_threads(job_of(s, layout));
    s.software.fusion.flash_attention = true;
    const Trained flash = train_on_threads(job_of(s, layout));
    const double tolerance = tolerance_of(Precision::fp64).value;
    EXPECT_LT(difference(unfused.losses, flash.losses), tolerance);
    EXPECT_LT(difference(unfused.last_gradients, flash.last_gradients), tolerance);
  }
}

std::string case_name(const testing::TestParamInfo<LayoutCase>& param) {
  return name_of(param.param);
}

INSTANTIATE_TEST_SUITE_P(Pairwise, EveryLayout, testing::ValuesIn(covering_cases()), case_name);

// Goes to the next choice as an odometer does; false after the last.
bool next(CaseSpace::Choice& choice, const std::vector<Dimension>& dimensions) {
  for (size_t d = 0; d < choice.size(); ++d) {
    if (++choice[d] < dimensions[d].values.size()) return true;
    choice[d] = 0;
  }
  return false;
}

TEST(CoveringCases, HoldEveryLegalPairOfValues) {
  CaseSpace space;
  ValuePairs covered(space), possible(space);
  for (const CaseSpace::Choice& choice : covering_choices(space)) {
    EXPECT_TRUE(space.legal(space.at(choice))) << name_of(space.at(choice));
    covered.add(choice);
  }
  const std::vector<Dimension>& dimensions = space.dimensions();
  CaseSpace::Choice choice(dimensions.size());
  int legal = 0;
  do {
    if (possible.missing(choice) == 0 || !space.legal(space.at(choice))) continue;
    ++legal;
    possible.add(choice);
    ASSERT_EQ(covered.missing(choice), 0U) << name_of(space.at(choice));
  } while (next(choice, dimensions));
  EXPECT_GT(legal, 20);
}

// What the values are there for, by hand: a rule that forbade too much would take cases away silently.
TEST(CoveringCases, ReachTheFullSizesAndEveryFeature) {
  int eight_ranks = 0, uneven = 0, four_stages_interleaved = 0, sharded_on_host = 0;
  for (const LayoutCase& c : covering_cases()) {
    const Layout& l = c.layout;
    eight_ranks += l.devices() == 8 ? 1 : 0;
    uneven += c.layers == 5 && l.pipeline == 2 ? 1 : 0;
    four_stages_interleaved += l.pipeline == 4 && l.virtual_stages == 2 ? 1 : 0;
    sharded_on_host += l.data == 2 && l.offload == Offload::optimizer_and_parameters ? 1 : 0;
  }
  EXPECT_GT(eight_ranks, 3);
  EXPECT_GT(uneven, 0);
  EXPECT_GT(four_stages_interleaved, 0);
  EXPECT_GT(sharded_on_host, 0);
}

}  // namespace
}  // namespace paraplan
