#include "costmodel/ops/blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "costmodel/model/family.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/ops/model_size.h"

namespace paraplan {
namespace {

// h 4096, a 32, f 4 h.
ModelSpec gpt() {
  return paraplan::model_of({.name = "test gpt",
                             .family = Family::gpt,
                             .layers = 4,
                             .hidden = 4096,
                             .heads = 32,
                             .kv_heads = 32,
                             .ffn = 16384,
                             .vocab = 50257,
                             .max_positions = 2048,
                             .dropout = 0.1});
}

ModelSpec llama() {
  return paraplan::model_of({.name = "test llama",
                             .family = Family::llama,
                             .layers = 4,
                             .hidden = 4096,
                             .heads = 32,
                             .kv_heads = 8,
                             .ffn = 14336,
                             .vocab = 32000,
                             .tied_embeddings = false});
}

Block layer_of(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape) {
  return transformer_layer(model, model.kinds.front(), fusion, shape);
}

BlockShape shape_of(int64_t tensor, bool sequence_parallel) {
  return {.micro_batch = 2, .seq_length = 2048, .tensor = tensor, .sequence_parallel = sequence_parallel};
}

// The last column of Korthikanti et al. 2022 (arXiv 2205.05198), table 2, in bytes per s b h.
constexpr double kAttentionTerm = 5.0 * 32 * 2048 / 4096;  // 5 a s / h
constexpr double kTokensTimesHidden = 2.0 * 2048 * 4096;   // s b h

TEST(LayerActivations, AreThoseOfKorthikanti) {
  for (int64_t tensor : {1, 2, 4, 8}) {
    const auto t = static_cast<double>(tensor);
    const Block layer = layer_of(gpt(), Fusion{}, shape_of(tensor, false));
    // At t = 1: s b h (34 + 5 a s / h).
    const double expected = kTokensTimesHidden * (10 + 24 / t + kAttentionTerm / t);
    EXPECT_NEAR(kept_bytes(layer, Kept::all) / expected, 1, 1e-3) << "tensor " << tensor;
    EXPECT_NEAR(kept_bytes(layer, Kept::all) - kept_bytes(layer, Kept::no_core),
                kTokensTimesHidden * kAttentionTerm / t, 1);
  }
}

TEST(LayerActivations, AreDividedBySequenceParallel) {
  for (int64_t tensor : {2, 4, 8}) {
    const auto t = static_cast<double>(tensor);
    const Block layer = layer_of(gpt(), Fusion{}, shape_of(tensor, true));
    EXPECT_NEAR(kept_bytes(layer, Kept::all) / (kTokensTimesHidden * (34 + kAttentionTerm) / t), 1, 1e-3);
    // Selective recompute leaves 34 s b h / t, full recompute the input.
    EXPECT_NEAR(kept_bytes(layer, Kept::no_core) / (34 * kTokensTimesHidden / t), 1, 1e-3);
    EXPECT_DOUBLE_EQ(kept_bytes(layer, Kept::input), 2 * kTokensTimesHidden / t);
  }
}

TEST(LayerActivations, WithFlashAttentionHoldNoScores) {
  Fusion fusion;
  fusion.flash_attention = true;
  const Block layer = layer_of(gpt(), fusion, shape_of(1, false));
  // One fp32 number per head and token instead of the scores.
  EXPECT_DOUBLE_EQ(kept_bytes(layer, Kept::all) - kept_bytes(layer, Kept::no_core), 4.0 * 32 * 2 * 2048);
  EXPECT_NEAR(kept_bytes(layer, Kept::no_core) / (34 * kTokensTimesHidden), 1, 1e-3);
}

TEST(LayerActivations, OfLlama) {
  // In units of s b h, bf16: two norm inputs 4, two GEMM inputs 4, queries 2, keys and values 2 * 2 * 8 / 32
  // = 1, projection input 2; gate and up 4 f / h, down's input 2 f / h with f / h = 3.5: 21. No dropout
  // masks.
  Fusion fusion;
  fusion.flash_attention = true;
  const Block layer = layer_of(llama(), fusion, shape_of(1, false));
  EXPECT_NEAR(kept_bytes(layer, Kept::all) / (kTokensTimesHidden * 34), 1, 2e-3);
}

TEST(LayerWeights, AreTheAnalyticCount) {
  const double h = 4096;
  // QKV 3 h^2 + 3 h, projection h^2 + h, MLP 8 h^2 + 5 h, two LayerNorms 4 h.
  EXPECT_DOUBLE_EQ(layer_of(gpt(), Fusion{}, shape_of(1, false)).parameters(), 12 * h * h + 13 * h);
  // Split but for the norms and the biases of row-parallel products: 6 h.
  EXPECT_DOUBLE_EQ(layer_of(gpt(), Fusion{}, shape_of(4, false)).parameters(),
                   (12 * h * h + 7 * h) / 4 + 6 * h);
  // Queries and projection 2 h^2, keys and values 2 h^2 / 4, three matrices of h x 3.5 h, two norms.
  EXPECT_DOUBLE_EQ(layer_of(llama(), Fusion{}, shape_of(1, false)).parameters(),
                   (2 + 0.5 + 10.5) * h * h + 2 * h);
}

TEST(LayerWeights, KeepAKeyValueHeadOnEveryRank) {
  const double h = 4096, w = 128;
  ModelSpec model = llama();
  model.kinds[0].attention.kv_heads = 2;
  // Eight ranks, two heads of keys and values: 4 query heads and one key-value head on each.
  EXPECT_DOUBLE_EQ(layer_of(model, Fusion{}, shape_of(8, false)).parameters(),
                   h * (4 * w + 2 * w) + 4 * w * h + 10.5 * h * h / 8 + 2 * h);
}

double gemm_flop(const std::vector<Op>& ops) {
  double flop = 0;
  for (const Op& op : ops)
    if (op.kind == OpKind::gemm)
      flop += 2.0 * static_cast<double>(op.m) * static_cast<double>(op.n) * static_cast<double>(op.k);
  return flop;
}

TEST(LayerFlops, AreTwoPerWeightAndTokenForwardAndFourBackward) {
  const double tokens = 2 * 2048, h = 4096;
  for (bool sequence_parallel : {false, true}) {
    for (int64_t tensor : {1, 2, 8}) {
      if (sequence_parallel && tensor == 1) continue;
      const BlockShape shape = shape_of(tensor, sequence_parallel);
      const double gpt_matrices = 12 * h * h / static_cast<double>(tensor);
      const Block layer = layer_of(gpt(), Fusion{}, shape);
      EXPECT_DOUBLE_EQ(gemm_flop(layer.forward), 2 * gpt_matrices * tokens);
      EXPECT_DOUBLE_EQ(gemm_flop(layer.backward), 4 * gpt_matrices * tokens);
      const double llama_matrices = 13 * h * h / static_cast<double>(tensor);
      const Block gated = layer_of(llama(), Fusion{}, shape);
      EXPECT_DOUBLE_EQ(gemm_flop(gated.forward), 2 * llama_matrices * tokens);
      EXPECT_DOUBLE_EQ(gemm_flop(gated.backward), 4 * llama_matrices * tokens);
    }
  }
}

double attention_flop(const std::vector<Op>& ops) {
  double flop = 0;
  for (const Op& op : ops)
    if (op.kind == OpKind::attention_scores || op.kind == OpKind::attention_context)
      flop +=
          2 * op.batch * static_cast<double>(op.m) * static_cast<double>(op.n) * static_cast<double>(op.k);
  return flop;
}

TEST(LayerFlops, OfAttention) {
  // Scores and weighted sum: 4 b s^2 h forward, twice that backward.
  const double s = 2048, full = 4 * 2 * s * s * 4096;
  const Block layer = layer_of(gpt(), Fusion{}, shape_of(2, false));
  EXPECT_DOUBLE_EQ(attention_flop(layer.forward), full / 2);
  EXPECT_DOUBLE_EQ(attention_flop(layer.backward), full);
  // Flash attention: half of it under a causal mask, 2.5 times as much backward.
  Fusion fusion;
  fusion.flash_attention = true;
  const Block flash = layer_of(gpt(), fusion, shape_of(2, false));
  const auto flop = [](const std::vector<Op>& ops, OpKind kind) {
    return std::find_if(ops.begin(), ops.end(), [&](const Op& op) { return op.kind == kind; })->flop;
  };
  EXPECT_DOUBLE_EQ(flop(flash.forward, OpKind::flash_attention), full / 4);
  EXPECT_DOUBLE_EQ(flop(flash.backward, OpKind::flash_attention), 2.5 * full / 4);
}

const Op& flash_op(const std::vector<Op>& ops) {
  return *std::ranges::find(ops, OpKind::flash_attention, &Op::kind);
}

TEST(LayerFlash, CarriesItsShape) {
  Fusion fusion;
  fusion.flash_attention = true;
  // Two samples of 32 / 4 heads of 128; half of the 2048 queries, all keys.
  BlockShape shape = shape_of(4, false);
  shape.context = 2;
  ModelSpec model = gpt();
  for (const bool causal : {true, false}) {
    model.kinds[0].attention.causal = causal;
    const Block layer = layer_of(model, fusion, shape);
    for (const Op& op : {flash_op(layer.forward), flash_op(layer.backward)}) {
      EXPECT_EQ(op.m, 1024);
      EXPECT_EQ(op.n, 2048);
      EXPECT_EQ(op.k, 128);
      EXPECT_EQ(op.batch, 16);
      EXPECT_EQ(op.causal, causal);
      EXPECT_EQ(op.random_numbers, 16.0 * 1024 * 2048);
    }
  }
  // No dropout, nothing drawn.
  EXPECT_EQ(flash_op(layer_of(llama(), fusion, shape).backward).random_numbers, 0);
}

struct Collectives {
  int all_reduce = 0, all_gather = 0, reduce_scatter = 0;
  bool operator==(const Collectives&) const = default;
};

// Of the tensor group; each carries the whole stream of s b h elements.
Collectives collectives_of(const std::vector<Op>& ops) {
  Collectives count;
  for (const Op& op : ops) {
    if (op.group != CommGroup::tensor) continue;
    EXPECT_DOUBLE_EQ(op.bytes, 2 * kTokensTimesHidden) << op.name;
    count.all_reduce += op.kind == OpKind::all_reduce;
    count.all_gather += op.kind == OpKind::all_gather;
    count.reduce_scatter += op.kind == OpKind::reduce_scatter;
  }
  return count;
}

TEST(LayerCollectives, AreFourAllReduces) {
  // Shoeybi et al. 2019, figure 4: two forward, two backward.
  const Block layer = layer_of(gpt(), Fusion{}, shape_of(4, false));
  EXPECT_EQ(collectives_of(layer.forward), (Collectives{2, 0, 0}));
  EXPECT_EQ(collectives_of(layer.backward), (Collectives{2, 0, 0}));
}

TEST(LayerCollectives, OfSequenceParallelAreGathersAndScatters) {
  // Korthikanti et al. 2022, section 4.2.2: four forward and four backward, and the inputs of the two
  // column-parallel products gathered again for their weight gradients.
  const Block layer = layer_of(gpt(), Fusion{}, shape_of(4, true));
  EXPECT_EQ(collectives_of(layer.forward), (Collectives{0, 2, 2}));
  EXPECT_EQ(collectives_of(layer.backward), (Collectives{0, 4, 2}));
}

TEST(LayerCollectives, NoneOnOneRank) {
  const Block layer = layer_of(gpt(), Fusion{}, shape_of(1, false));
  EXPECT_EQ(collectives_of(layer.forward), Collectives{});
  EXPECT_EQ(collectives_of(layer.backward), Collectives{});
}

TEST(LayerCollectives, OfTheContextGroupCarryKeysAndValues) {
  BlockShape shape = shape_of(1, false);
  shape.context = 4;
  const Block layer = layer_of(llama(), Fusion{}, shape);
  // Keys and values of all tokens: 2 b s (8 heads of 128) elements of two bytes; backward their gradients
  // too.
  const auto check = [](const std::vector<Op>& ops, int expected) {
    int count = 0;
    for (const Op& op : ops) {
      if (op.group != CommGroup::context) continue;
      ++count;
      EXPECT_DOUBLE_EQ(op.bytes, 2.0 * 2 * 2048 * 1024 * 2);
    }
    EXPECT_EQ(count, expected);
  };
  check(layer.forward, 1);
  check(layer.backward, 2);
}

TEST(ModelEnds, TiedWeightIsCountedOnce) {
  const ModelSpec model = gpt();
  const BlockShape shape = shape_of(2, false);
  const double table = 25216.0 * 4096;  // 50257 padded to 50432, a multiple of 256, halved
  EXPECT_DOUBLE_EQ(embedding_block(model, Fusion{}, shape).parameters(), table + 2048.0 * 4096);
  EXPECT_DOUBLE_EQ(head_block(model, Fusion{}, shape, false).parameters(), 2.0 * 4096);
  EXPECT_DOUBLE_EQ(head_block(model, Fusion{}, shape, true).parameters(), table + 2.0 * 4096);
}

TEST(ModelFlops, AreNarayanansWithoutRecompute) {
  // Equation 3 of arXiv 2104.04473 counts four passes: 96 B s l h^2 (1 + s / 6h + V / 16 l h). Three:
  // 72 B s l h^2 (1 + s / 6h) + 6 B s h V.
  const ModelSpec model = gpt();
  const double s = 2048, l = 4, h = 4096;
  EXPECT_NEAR(model_flop_per_sample(model, 2048, AttentionCount::full) /
                  (72 * s * l * h * h * (1 + s / (6 * h)) + 6 * s * h * 50257),
              1, 1e-12);
}

// The scores and their weighted sum are 12 s^2 l h of them; a causal model masks half.
TEST(ModelFlops, LeaveOutTheMaskedHalfOfACausalModel) {
  ModelSpec model = gpt();
  const auto masked = [&model] {
    return model_flop_per_sample(model, 2048, AttentionCount::full) -
           model_flop_per_sample(model, 2048, AttentionCount::unmasked);
  };
  EXPECT_DOUBLE_EQ(masked(), 6.0 * 2048 * 2048 * 4 * 4096);
  model.kinds[0].attention.causal = false;
  EXPECT_EQ(masked(), 0);
}

}  // namespace
}  // namespace paraplan
