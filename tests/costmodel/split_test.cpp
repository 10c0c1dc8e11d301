#include "costmodel/step/split.h"

#include <gtest/gtest.h>

#include "costmodel/model/family.h"
#include "costmodel/model/layout_rules.h"

namespace paraplan {
namespace {

ModelSpec model_with(int64_t layers) {
  return model_of({.layers = layers, .hidden = 64, .heads = 4, .vocab = 1024});
}

std::vector<int64_t> layers_of(const ModelSplit& split) {
  std::vector<int64_t> layers;
  for (size_t i = 0; i < split.virtual_stages(); ++i) layers.push_back(split.at(i).layers());
  return layers;
}

using Layers = std::vector<int64_t>;

TEST(Split, ARemainderGoesToTheMiddle) {
  const ModelSplit split = split_model(model_with(10), {.pipeline = 4}, StageBalance::layers);
  EXPECT_EQ(layers_of(split), (Layers{2, 3, 3, 2}));
  EXPECT_EQ(split.at(0).segments.front().block, BlockName::embedding);
  EXPECT_EQ(split.at(3).segments.back().block, BlockName::head);
  EXPECT_EQ(split.chunk_of, (std::vector<int32_t>{0, 1, 1, 2})) << "equal stages share a chunk";
}

TEST(Split, NeighbouringStagesOfTheSameChunksAreOfOneKind) {
  const ModelSplit split = split_model(model_with(10), {.pipeline = 4}, StageBalance::layers);
  EXPECT_EQ(split.kinds, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_EQ(split.kind_of, (std::vector<int32_t>{0, 1, 1, 2}));
  // Stage 1 holds layers alone, twice as many in its second chunk; so does stage 2, but not stage 3.
  const Layout layout{.pipeline = 4, .virtual_stages = 2, .stage_layers = {1, 1, 1, 1, 2, 2, 2, 3}};
  const ModelSplit chunks = split_model(model_with(13), layout, StageBalance::layers);
  EXPECT_EQ(chunks.kinds, (std::vector<int64_t>{0, 1, 3}));
  EXPECT_TRUE(chunks.first_of_kind(1));
  EXPECT_FALSE(chunks.first_of_kind(2));
}

TEST(Split, EmbeddingAndHeadMayCountAsLayers) {
  EXPECT_EQ(layers_of(split_model(model_with(10), {.pipeline = 4}, StageBalance::layers_and_ends)),
            (Layers{2, 3, 3, 2}));
  EXPECT_EQ(layers_of(split_model(model_with(14), {.pipeline = 4}, StageBalance::layers_and_ends)),
            (Layers{3, 4, 4, 3}));
  EXPECT_EQ(layers_of(split_model(model_with(6), {.pipeline = 1}, StageBalance::layers_and_ends)),
            (Layers{6}));
}

TEST(Split, TakesTheNumbersOfTheLayout) {
  const Layout layout{.pipeline = 2, .virtual_stages = 2, .stage_layers = {1, 4, 3, 2}};
  EXPECT_EQ(layers_of(split_model(model_with(10), layout, StageBalance::parameters)), (Layers{1, 4, 3, 2}));
}

TEST(Split, KindsOfLayersStayInOrder) {
  ModelSpec model = model_with(7);
  model.kinds.push_back(model.kinds.front());
  model.runs = {{0, 3}, {1, 4}};
  const Layout layout{.pipeline = 2, .recompute = Recompute::layers, .recompute_layers = 2};
  const ModelSplit split = split_model(model, layout, StageBalance::layers);
  ASSERT_EQ(split.chunks.size(), 2U);
  using Segments = std::vector<Segment>;
  // Four layers, the last of them of the second kind; then three.
  EXPECT_EQ(split.at(0).segments, (Segments{{BlockName::embedding, Kept::all, 1},
                                            {layer_block(0), Kept::input, 2},
                                            {layer_block(0), Kept::all, 1},
                                            {layer_block(1), Kept::all, 1}}));
  EXPECT_EQ(split.at(1).segments, (Segments{{layer_block(1), Kept::input, 2},
                                            {layer_block(1), Kept::all, 1},
                                            {BlockName::head, Kept::all, 1}}));
}

TEST(Split, BalancesParametersWithTheEnds) {
  // A table as large as many layers: the first stage gets fewer of them.
  ModelSpec model = model_of({.layers = 12, .hidden = 64, .heads = 4, .vocab = 4096});
  const Layers layers = layers_of(split_model(model, {.pipeline = 3}, StageBalance::parameters));
  EXPECT_LT(layers.front(), layers.at(1));
  EXPECT_EQ(layers.at(0) + layers.at(1) + layers.at(2), 12);
}

std::string broken(const Layout& layout) {
  Scenario s;
  s.model = model_with(10);
  s.seq_length = 64, s.global_batch = 8;
  s.cluster = {.nodes = 1, .devices_per_node = layout.devices()};
  const auto rule = check_layout(s, layout);
  return rule ? rule->detail : "";
}

TEST(Split, StageLayersMustBeThoseOfTheModel) {
  EXPECT_EQ(broken({.pipeline = 2, .stage_layers = {7, 3}}), "");
  EXPECT_EQ(broken({.pipeline = 2, .stage_layers = {7, 2}}),
            "stage_layers 7-2 sum to 9, the model has 10 layers; each needs one at least");
  EXPECT_EQ(broken({.pipeline = 2, .stage_layers = {4, 3, 3}}),
            "stage_layers has 3 numbers, pipeline * virtual_stages is 2");
}

}  // namespace
}  // namespace paraplan
