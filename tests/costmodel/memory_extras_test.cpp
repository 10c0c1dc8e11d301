#include <gtest/gtest.h>

#include "costmodel/memory/block_memory.h"
#include "costmodel/memory/extras.h"
#include "costmodel/ops/blocks.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

struct Blocks {
  Scenario scenario = shipped_scenario("megatron2023_gpt2_v100");
  Layout layout{.data = 8, .micro_batch = 2};

  Block of(BlockName name) const { return model_blocks(scenario, layout)[name]; }
  BlockMemory memory(BlockName name) const { return block_memory(scenario, layout, of(name)); }
};

double logits(const Blocks& b) {
  return 2.0 * 512 * static_cast<double>(padded_vocab(b.scenario.model, 1));
}

TEST(Extras, AnUnfusedLossKeepsItsSoftmaxAndHoldsCopiesWhileItRuns) {
  Blocks b;
  b.scenario.software.memory.loss_forward_bytes.value = 6;
  b.scenario.software.memory.loss_backward_bytes.value = 8;
  b.scenario.software.memory.most_loss_backward_bytes.value = 18;
  const BlockMemory head = b.memory(BlockName::head);
  EXPECT_EQ(head.forward[0].peak[loss], (4 + 6) * logits(b));
  EXPECT_EQ(head.forward[0].delta[loss], 4 * logits(b));
  // The gradient of two bytes comes while the copies are there.
  EXPECT_EQ(head.backward[0].peak[loss], (8 + 2) * logits(b));
  EXPECT_EQ(head.most_backward.peak[loss], (18 + 2) * logits(b));
  EXPECT_EQ(head.backward[0].delta[loss], -4 * logits(b));
  b.scenario.software.fusion.cross_entropy = true;
  EXPECT_EQ(b.memory(BlockName::head).forward[0].peak[loss], 2 * logits(b));
  EXPECT_EQ(b.memory(BlockName::head).backward[0].peak[loss], 0);
}

TEST(Extras, AGradientWaitsForTheKernelThatAddsItToItsBuffer) {
  Blocks b;
  const Block layer = b.of(BlockName::layer);
  double largest = 0;
  for (const ExtraTensor& extra : extra_tensors(b.scenario, layer)) {
    if (extra.walk != Walk::backward) continue;
    const bool product = layer.backward[extra.first].kind == OpKind::gemm;
    EXPECT_EQ(layer.backward[extra.last].kind == OpKind::accumulate, product || extra.first < extra.last);
    largest = std::max(largest, extra.bytes);
  }
  EXPECT_EQ(largest, 2.0 * 1024 * 4096);
  b.scenario.software.fusion.gradient_accumulation = true;
  for (const ExtraTensor& extra : extra_tensors(b.scenario, layer)) EXPECT_EQ(extra.walk, Walk::forward);
}

TEST(Extras, ShapesOfGradientsAreThoseOfTheMatrices) {
  const MatrixShapes shapes = gradient_shapes(Blocks{}.of(BlockName::layer));
  EXPECT_EQ(shapes, (MatrixShapes{{1024, 1024}, {1024, 3072}, {1024, 4096}, {4096, 1024}}));
}

TEST(Extras, UnfusedNormsKeepSixBytesMoreOrLess) {
  // 16-bit: a fp32 copy (4) and the normed rows (2) where the input (2) was read; the layer's input is read
  // by nobody else, that of the second norm either.
  Blocks b;
  const double rows = 2.0 * 512 * 1024, fused = b.memory(BlockName::layer).forward[0].delta.total();
  b.scenario.software.fusion.norm = false;
  EXPECT_EQ(b.memory(BlockName::layer).forward[0].delta.total() - fused, 2 * (4 + 2 - 2) * rows);
}

TEST(Extras, ASplitCheckpointLeavesItsShare) {
  Blocks b;
  b.layout = {.data = 2, .tensor = 4, .micro_batch = 2};
  const auto kept = [&](bool splits) {
    b.scenario.software.communication.checkpoints_over_tensor = splits;
    const auto k = static_cast<size_t>(Kept::input);
    const BlockMemory layer = b.memory(BlockName::layer);
    EXPECT_EQ(layer.forward[k].delta.total() + layer.backward[k].delta.total(),
              layer.output_bytes - layer.input_bytes);
    return layer.forward[k].delta.total();
  };
  EXPECT_EQ(kept(false) - kept(true), 2.0 * 2 * 512 * 1024 * 3 / 4);
}

}  // namespace
}  // namespace paraplan
