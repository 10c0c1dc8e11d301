#include "costmodel/names.h"

#include <gtest/gtest.h>

#include <set>

namespace paraplan {
namespace {

template <class E>
void expect_one_to_one(int values) {
  std::set<std::string> names;
  for (int i = 0; i < values; ++i) {
    const E value = static_cast<E>(i);
    const std::string name = to_string(value);
    EXPECT_EQ(from_string<E>(name), value) << name;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(values));
  EXPECT_EQ(name_list<E>().size(), static_cast<size_t>(values));
}

TEST(Names, EveryValueHasOneNameAndBack) {
  expect_one_to_one<Provenance>(6);
  expect_one_to_one<Precision>(4);
  expect_one_to_one<CollectiveSample::Kind>(4);
  expect_one_to_one<NodeTopology>(4);
  expect_one_to_one<Recompute>(4);
  expect_one_to_one<Offload>(3);
  expect_one_to_one<PipelineSchedule>(4);
  expect_one_to_one<Pass>(4);
  expect_one_to_one<Axis>(4);
  expect_one_to_one<Family>(3);
  expect_one_to_one<TimeCategory>(kTimeCategories);
  expect_one_to_one<PriceOrigin>(kPriceOrigins);
  expect_one_to_one<MemoryCategory>(kMemoryCategories);
  expect_one_to_one<MemoryLevel>(3);
  expect_one_to_one<GradientReduction>(2);
  expect_one_to_one<StageBalance>(4);
}

TEST(Names, AreThoseOfTheFiles) {
  EXPECT_STREQ(to_string(Offload::optimizer_and_parameters), "optimizer+parameters");
  EXPECT_STREQ(to_string(PipelineSchedule::one_f_one_b), "1f1b");
  EXPECT_STREQ(to_string(TimeCategory::parameter_gather), "parameter_gather");
  EXPECT_EQ(from_string<Recompute>("Full"), std::nullopt);
  EXPECT_EQ(from_string<Recompute>(""), std::nullopt);
}

}  // namespace
}  // namespace paraplan
