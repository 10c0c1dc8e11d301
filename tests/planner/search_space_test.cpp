#include "planner/search/search_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

template <class Get>
auto values_of(const std::vector<Layout>& layouts, Get get) {
  std::set<std::decay_t<decltype(get(layouts.front()))>> values;
  for (const Layout& layout : layouts) values.insert(get(layout));
  return values;
}

TEST(SearchSpace, UsesAllDevicesAndNamesEachLayoutOnce) {
  const Scenario scenario = toy_scenario();
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  for (const Layout& layout : layouts) EXPECT_EQ(layout.devices(), 8);
  for (size_t i = 1; i < layouts.size(); ++i) EXPECT_TRUE(layout_order(layouts[i - 1], layouts[i]) < 0);
}

TEST(SearchSpace, DefaultRanges) {
  const std::vector<Layout> layouts = enumerate_layouts(toy_scenario());
  using Sizes = std::set<int64_t>;
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.tensor; }), (Sizes{1, 2, 4}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.pipeline; }), (Sizes{1, 2, 4, 8}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.context; }), (Sizes{1}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.micro_batch; }), (Sizes{1, 2, 4, 8, 16, 32}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.virtual_stages; }), (Sizes{1, 2, 4}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.zero_stage; }), (std::set<int>{0, 1, 2, 3}));
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.recompute; }),
            (std::set<Recompute>{Recompute::none, Recompute::selective, Recompute::full}));
}

TEST(SearchSpace, DefaultRangesHoldNothingPointless) {
  for (const Layout& layout : enumerate_layouts(toy_scenario())) {
    const std::string text = to_string(layout);
    EXPECT_TRUE(layout.tensor > 1 || !layout.sequence_parallel) << text;
    EXPECT_TRUE(layout.data > 1 || layout.zero_stage == 0) << text;
    EXPECT_TRUE(layout.pipeline == 1 || layout.zero_stage < 2) << text;
    EXPECT_EQ(layout.virtual_stages > 1, layout.schedule == PipelineSchedule::interleaved) << text;
    if (layout.virtual_stages > 1) {
      EXPECT_EQ(32 / (layout.data * layout.micro_batch) % layout.pipeline, 0) << text;
    }
  }
}

// 96 layers on 8 pipeline stages: 12 layers each, so 2, 3, 4 or 6 chunks (12 is over the planner's limit of
// 8).
TEST(SearchSpace, ChunksDivideTheLayersOfAStage) {
  Scenario scenario = toy_scenario();
  scenario.model.resize(96);
  scenario.search.pipeline = {8};
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.virtual_stages; }),
            (std::set<int64_t>{1, 2, 3, 4, 6}));
}

TEST(SearchSpace, TensorSizesDivideTheHeads) {
  Scenario scenario = toy_scenario();
  scenario.model.kinds[0].attention.heads = 14;
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  EXPECT_EQ(values_of(layouts, [](const Layout& l) { return l.tensor; }), (std::set<int64_t>{1, 2}));
}

TEST(SearchSpace, TakesNamedValuesOnly) {
  Scenario scenario = toy_scenario();
  scenario.search.tensor = {2};
  scenario.search.pipeline = {2};
  scenario.search.virtual_stages = {2};
  scenario.search.schedule = {PipelineSchedule::interleaved};
  scenario.search.micro_batch = {3};
  scenario.search.recompute = {Recompute::layers};
  scenario.search.recompute_layers = {1, 3};
  scenario.search.sequence_parallel = {true};
  scenario.search.zero_stage = {2};
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  ASSERT_EQ(layouts.size(), 2U);
  EXPECT_EQ(to_string(layouts[1]),
            "data=2,tensor=2,pipeline=2,micro_batch=3,virtual_stages=2,recompute=layers,recompute_layers=3,"
            "sequence_parallel=on,zero_stage=2,schedule=interleaved");
}

TEST(SearchSpace, ListedRecomputeLayersAddTheMode) {
  Scenario scenario = toy_scenario();
  scenario.search.recompute_layers = {2};
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  EXPECT_EQ(
      std::ranges::count_if(layouts, [](const Layout& l) { return l.recompute == Recompute::layers; }) * 4,
      static_cast<int64_t>(layouts.size()));
}

TEST(SearchSpace, IsEmptyWhenTheNamedSizesDoNotDivideTheDevices) {
  Scenario scenario = toy_scenario();
  scenario.search.pipeline = {3};
  EXPECT_TRUE(enumerate_layouts(scenario).empty());
}

// The product of two sizes of 2^40 does not fit in an integer.
TEST(SearchSpace, TakesTheLargestSizesOfTheFormat) {
  Scenario scenario = toy_scenario();
  scenario.search.tensor = scenario.search.context = {int64_t{1} << 40};
  EXPECT_TRUE(enumerate_layouts(scenario).empty());
  scenario = toy_scenario();
  scenario.search.micro_batch = {int64_t{1} << 40};
  scenario.cluster.nodes = int64_t{1} << 40;
  for (const Layout& layout : enumerate_layouts(scenario)) EXPECT_EQ(layout.virtual_stages, 1);
}

}  // namespace
}  // namespace paraplan
