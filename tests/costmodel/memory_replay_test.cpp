#include "costmodel/memory/memory_replay.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "costmodel/cost_model.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

// Bytes that are easily told apart: a layer keeps 1000, of them 300 of the attention core, its input is 200;
// the embedding keeps 10, the head 50 beside logits of 7 elements of four bytes.
ModelCost model() {
  ModelCost cost;
  cost.blocks = ByBlock<BlockCost>(1);
  BlockCost &embedding = cost.blocks[BlockName::embedding], &layer = cost.blocks[BlockName::layer],
            &head = cost.blocks[BlockName::head];
  layer.saved_bytes = 1000, layer.attention_core_bytes = 300, layer.input_bytes = 200;
  layer.working[0] = {.forward = 400, .backward = 600};
  layer.working[1] = {.forward = 450, .recompute = 150, .redone_bytes = 300, .backward = 600};
  layer.working[2] = {.forward = 900, .recompute = 500, .redone_bytes = 800, .backward = 600};
  layer.all_parameters = 11, layer.reads_weights_forward = layer.reads_weights_backward = true;
  embedding.saved_bytes = 10;
  embedding.working[0] = {.forward = 30, .backward = 40};
  embedding.all_parameters = 13, embedding.reads_weights_forward = true;
  head.saved_bytes = 50;
  head.working[0] = {.forward = 60, .backward = 70};
  head.all_parameters = 17, head.reads_weights_forward = head.reads_weights_backward = true;
  cost.logits_elements = 7;
  return cost;
}

constexpr double kLogits = 7 * 4;

Scenario scenario() {
  Scenario s;
  s.precision = Precision::fp32;
  s.software.state.gradient.value = 4;
  s.software.memory.replays_lifetimes = true;
  return s;
}

constexpr Segment kEmbedding{.block = BlockName::embedding}, kLayer{}, kHead{.block = BlockName::head};

// The only stage, all its layers kept alike.
StageMemoryInput whole(Kept kept, int64_t micro_batches) {
  StageMemoryInput input;
  input.chunks = {{{kEmbedding, {.kept = kept}, kHead}}};
  input.micro_batches = micro_batches;
  return input;
}

MemoryUse peak(const Layout& layout, const StageMemoryInput& stage) {
  return replayed_peak(scenario(), model(), layout, stage);
}

TEST(ReplayedPeak, OfOneLayerByHand) {
  // One after the other: 1000 + 10 + 50 kept. With logits at the head's passes: 60 or 70 beside; without, 600
  // at the layer's backward pass, which is more.
  const MemoryUse use = peak({}, whole(Kept::all, 3));
  EXPECT_EQ(use[activations], 1060);
  EXPECT_EQ(use[loss], 0);
  EXPECT_EQ(use[temporary], 600);
  EXPECT_EQ(use.total(), 1660);
}

TEST(ReplayedPeak, IsAtTheLossWhereTheHeadIsLarge) {
  ModelCost cost = model();
  cost.logits_elements = 1000;
  const MemoryUse use = replayed_peak(scenario(), cost, {}, whole(Kept::all, 1));
  EXPECT_EQ(use[activations], 1060);
  EXPECT_EQ(use[loss], 4000);
  EXPECT_EQ(use[temporary], 70);
  EXPECT_EQ(use.total(), 5130);
}

TEST(ReplayedPeak, WithFullRecomputeIsThatOfTheRedoneLayer) {
  // 200 + 10 + 50 kept. Redoing needs 500 beside the 800 it brings back, the backward pass 600; forward, with
  // nothing kept, 900 in all.
  const MemoryUse use = peak({.recompute = Recompute::full}, whole(Kept::input, 3));
  EXPECT_EQ(use[activations], 260);
  EXPECT_EQ(use[recompute], 800);
  EXPECT_EQ(use[temporary], 600);
  EXPECT_EQ(use.total(), 260 + 800 + 600);
}

TEST(ReplayedPeak, WithSelectiveRecomputeBringsTheCoreBack) {
  const MemoryUse use = peak({.recompute = Recompute::selective}, whole(Kept::no_core, 3));
  EXPECT_EQ(use[activations], 700 + 60);
  EXPECT_EQ(use[recompute], 300);
  EXPECT_EQ(use[temporary], 600);
}

TEST(ReplayedPeak, WithSomeLayersRedoneLooksAtBothKinds) {
  // Three of four layers keep 200, one 1000.
  StageMemoryInput stage;
  stage.chunks = {{{kEmbedding, {.kept = Kept::input, .repeats = 3}, kLayer, kHead}}};
  const MemoryUse use = peak({.recompute = Recompute::layers, .recompute_layers = 3}, stage);
  EXPECT_EQ(use[activations], 3 * 200 + 1000 + 60);
  EXPECT_EQ(use[recompute], 800);
}

TEST(ReplayedPeak, OfGpipeHoldsAllMicroBatches) {
  // The last stage of two: five micro-batches are kept when the first backward pass runs, with their logits.
  StageMemoryInput stage;
  stage.chunks = {{{kLayer, kHead}}};
  stage.stage = 1, stage.micro_batches = 5;
  const Layout gpipe{.pipeline = 2, .schedule = PipelineSchedule::gpipe};
  // Head's backward: 5 of (1050 + 28) and 70; then, one micro-batch's logits less, 600.
  const MemoryUse use = peak(gpipe, stage);
  EXPECT_EQ(use[activations], 5 * 1050);
  EXPECT_EQ(use[loss], 4 * kLogits);
  EXPECT_EQ(use[temporary], 600);
  // One forward, one backward: the last stage keeps one micro-batch, the first two.
  const Layout one{.pipeline = 2, .schedule = PipelineSchedule::one_f_one_b};
  EXPECT_EQ(peak(one, stage)[activations], 1050);
  stage.stage = 0, stage.chunks = {{{kEmbedding, kLayer}}};
  EXPECT_EQ(peak(one, stage)[activations], 2 * 1010);
}

TEST(ReplayedPeak, HoldsWholeWeightsAndGradientsBlockByBlock) {
  // ZeRO-2: the layer's whole gradients, 11 * 4, during its backward pass. ZeRO-3: its weights too.
  EXPECT_EQ(peak({.zero_stage = 1}, whole(Kept::all, 1))[communication_buffers], 0);
  EXPECT_EQ(peak({.zero_stage = 2}, whole(Kept::all, 1))[communication_buffers], 44);
  EXPECT_EQ(peak({.zero_stage = 3}, whole(Kept::all, 1))[communication_buffers], 88);
}

TEST(ReplayedPeak, IsTheSumOfThePartsOfAPrediction) {
  Scenario s = shipped_scenario("gpt_medium_cpu");
  s.cluster = {.nodes = 1, .devices_per_node = 1};
  s.model.resize(1), s.seq_length = 64, s.global_batch = 4;
  s.software.state.gradient_copy.value = 0;
  s.memory_level = MemoryLevel::allocated;
  for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
    const Layout layout{.micro_batch = 2, .recompute = recompute};
    const auto p = std::get<Prediction>(CostModel(s).predict(layout));
    const ModelBlocks blocks = model_blocks(s, layout);
    const Block &embedding = blocks[BlockName::embedding], &layer = blocks[BlockName::layer],
                &head = blocks[BlockName::head];
    const Kept kept = recompute == Recompute::none        ? Kept::all
                      : recompute == Recompute::selective ? Kept::no_core
                                                          : Kept::input;
    double redone = 0, kept_bytes = embedding.saved_bytes() + head.saved_bytes();
    for (const TensorId t : recomputed_tensors(layer, kept))
      redone += layer.tensors[static_cast<size_t>(t)].bytes();
    for (const TensorId t : kept_tensors(layer, kept))
      kept_bytes += layer.tensors[static_cast<size_t>(t)].bytes();
    const auto set = [](const Block& block, Walk walk, Kept k) {
      return lifetimes(block, walk, k).peak_bytes;
    };
    const double logits = 4 * logits_elements(s.model, block_shape(s, layout));
    double working =
        std::max({set(layer, Walk::forward, kept), redone + set(layer, Walk::backward, kept),
                  set(embedding, Walk::backward, Kept::all), logits + set(head, Walk::forward, Kept::all),
                  logits + set(head, Walk::backward, Kept::all)});
    if (recompute != Recompute::none) working = std::max(working, redone + set(layer, Walk::recompute, kept));
    EXPECT_DOUBLE_EQ(p.memory[activations], kept_bytes) << to_string(recompute);
    EXPECT_DOUBLE_EQ(p.memory[temporary] + p.memory[MemoryCategory::recompute] + p.memory[loss], working)
        << to_string(recompute);
    // Weights, gradients and two moments of four bytes beside it.
    EXPECT_DOUBLE_EQ(p.peak_memory_bytes, kept_bytes + working + 16 * p.stages[0].parameters);
  }
}

}  // namespace
}  // namespace paraplan
