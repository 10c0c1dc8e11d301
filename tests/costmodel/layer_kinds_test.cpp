#include "tests/costmodel/layer_kinds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "costmodel/io/huggingface/import.h"
#include "costmodel/io/model_file.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/model_size.h"
#include "costmodel/ops/unpriced.h"

namespace paraplan {
namespace {

constexpr double kTokens = 2 * 32;  // two samples of 32 tokens

BlockShape shape_of(int64_t tensor) {
  return {.micro_batch = 2, .seq_length = 32, .tensor = tensor};
}

Fusion flash() {
  Fusion fusion;
  fusion.flash_attention = true;
  return fusion;
}

Block layer_of(const LayerKind& kind, const Fusion& fusion = flash(), int64_t tensor = 1) {
  return transformer_layer(small_model(kind), kind, fusion, shape_of(tensor));
}

double count_of(const std::vector<Op>& ops, OpKind kind) {
  return static_cast<double>(std::ranges::count(ops, kind, &Op::kind));
}

const Op& op_of(const std::vector<Op>& ops, OpKind kind) {
  return *std::ranges::find(ops, kind, &Op::kind);
}

// Of matrix products and flash attention.
double flop_of(const std::vector<Op>& ops) {
  double sum = 0;
  for (const Op& op : ops) {
    const bool product = op.kind == OpKind::gemm || op.kind == OpKind::grouped_gemm;
    const double batch = op.kind == OpKind::grouped_gemm ? op.batch : 1;
    if (product)
      sum += 2 * batch * static_cast<double>(op.m) * static_cast<double>(op.n) * static_cast<double>(op.k);
    sum += op.flop;
  }
  return sum;
}

// Small layer: q and output 64 x 64 each, k and v 64 x 32 each, three matrices 64 x 256, two norms.
constexpr double kSmallLayer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 256 + 2 * 64;

TEST(LayerKinds, BiasesAreCountedAndAdded) {
  LayerKind kind = small_layer();
  kind.attention.qkv_bias = kind.attention.output_bias = kind.feed_forward.bias = true;
  const Block block = layer_of(kind);
  // q 64, k and v 32 each, output 64; up and gate 256 each, down 64.
  EXPECT_EQ(block.parameters(), kSmallLayer + 64 + 2 * 32 + 64 + 2 * 256 + 64);
  // Of qkv and of both halves by kernels of their own, the others with the residual.
  EXPECT_EQ(count_of(block.forward, OpKind::bias_add), 2);
  EXPECT_EQ(count_of(block.backward, OpKind::bias_add), 4);
}

TEST(LayerKinds, QueryKeyNormsHaveAGainPerHeadColumnOrPerColumn) {
  LayerKind kind = small_layer();
  kind.attention.query_key_norm = QueryKeyNorm::head;
  EXPECT_EQ(layer_of(kind).parameters(), kSmallLayer + 2 * 8);
  kind.attention.query_key_norm = QueryKeyNorm::projection;
  EXPECT_EQ(layer_of(kind).parameters(), kSmallLayer + 64 + 32);
  kind.attention.query_key_norm = QueryKeyNorm::head_unscaled;
  const Block block = layer_of(kind);
  EXPECT_EQ(block.parameters(), kSmallLayer);
  EXPECT_EQ(count_of(block.forward, OpKind::norm), 3);
  // 96 of the 128 columns of q, k and v, twice.
  const auto is_that = [](const Op& op) { return std::string_view(op.name) == "attention.query_key_norm"; };
  EXPECT_EQ(std::ranges::find_if(block.forward, is_that)->bytes, kTokens * 96 * 2 * 2);
}

TEST(LayerKinds, NormsStandBeforeAfterOrOnBothSides) {
  const auto norms = [](NormPlace place) {
    LayerKind kind = small_layer();
    kind.norm_place = place;
    const Block block = layer_of(kind);
    EXPECT_EQ(block.parameters(), kSmallLayer + (place == NormPlace::both ? 2 * 64 : 0));
    std::string order;
    for (const Op& op : block.forward) {
      if (op.kind == OpKind::norm) order += 'n';
      if (op.kind == OpKind::flash_attention || op.kind == OpKind::swiglu) order += 'b';
      if (op.kind == OpKind::bias_dropout_add) order += '+';
    }
    return order;
  };
  EXPECT_EQ(norms(NormPlace::before), "nb+nb+");
  EXPECT_EQ(norms(NormPlace::after), "bn+bn+");
  EXPECT_EQ(norms(NormPlace::both), "nbn+nbn+");
  EXPECT_EQ(norms(NormPlace::after_residual), "b+nb+n");
}

TEST(LayerKinds, ParallelBranchesAreSummedOverTheTensorGroupAtOnce) {
  LayerKind kind = small_layer();
  const Block sequential = layer_of(kind, flash(), 2);
  EXPECT_EQ(count_of(sequential.forward, OpKind::all_reduce), 2);
  EXPECT_EQ(count_of(sequential.backward, OpKind::all_reduce), 2);
  kind.branches = Branches::parallel;
  const Block two_norms = layer_of(kind, flash(), 2);
  EXPECT_EQ(count_of(two_norms.forward, OpKind::all_reduce), 1);
  EXPECT_EQ(count_of(two_norms.backward, OpKind::all_reduce), 2);  // one in front of each norm
  kind.branches = Branches::parallel_one_norm;
  const Block one_norm = layer_of(kind, flash(), 2);
  EXPECT_EQ(count_of(one_norm.forward, OpKind::all_reduce), 1);
  EXPECT_EQ(count_of(one_norm.backward, OpKind::all_reduce), 1);
  EXPECT_EQ(layer_of(kind).parameters(), kSmallLayer - 64);
  EXPECT_EQ(flop_of(one_norm.forward), flop_of(sequential.forward));
}

TEST(LayerKinds, AWindowHidesKeysFromFlashAttention) {
  LayerKind kind = small_layer();
  const double causal = op_of(layer_of(kind).forward, OpKind::flash_attention).flop;
  EXPECT_EQ(causal, 4 * kTokens * 32 * 64 / 2);
  kind.attention.window = 8;
  // 8 x 32 pairs without the triangle of 8 x 8 / 2 that the first queries lack.
  const Block block = layer_of(kind);
  EXPECT_EQ(op_of(block.forward, OpKind::flash_attention).flop, causal * (8 * 32 - 32) / (32 * 32 / 2));
  EXPECT_EQ(op_of(block.forward, OpKind::flash_attention).n, 7);  // 224 / 32
  kind.attention.window = 32;
  EXPECT_EQ(op_of(layer_of(kind).forward, OpKind::flash_attention).flop, causal);
  kind.attention.window = 0, kind.attention.chunk = 12;
  // Chunks of 12, 12 and 8 tokens.
  EXPECT_EQ(op_of(layer_of(kind).forward, OpKind::flash_attention).flop,
            causal * (144 + 144 + 64) / (32 * 32));
}

TEST(LayerKinds, AWindowChangesNoProductOfUnfusedAttention) {
  LayerKind kind = small_layer();
  const Op full = op_of(layer_of(kind, {}).forward, OpKind::attention_scores);
  kind.attention.window = 8;
  const Block block = layer_of(kind, {});
  EXPECT_EQ(op_of(block.forward, OpKind::attention_scores).n, full.n);
}

TEST(LayerKinds, ASoftCapIsAPassOverUnfusedScores) {
  LayerKind kind = small_layer();
  kind.attention.soft_cap = 50;
  EXPECT_EQ(count_of(layer_of(kind).forward, OpKind::soft_cap), 0);
  const Block block = layer_of(kind, {});
  // 2 samples, 8 heads, 32 x 32 scores; three kernels that read and write two bytes each.
  EXPECT_EQ(op_of(block.forward, OpKind::soft_cap).bytes, 2 * 8 * 32 * 32 * 12.0);
  EXPECT_EQ(op_of(block.forward, OpKind::soft_cap).launches, 3);
}

TEST(LayerKinds, LatentAttentionByHand) {
  LayerKind kind = small_layer();
  kind.attention = {.heads = 8,
                    .kv_heads = 8,
                    .head_width = 12,
                    .value_width = 8,
                    .latent = {.query_rank = 24, .kv_rank = 16, .rope_width = 4}};
  // Down to 24, up to 8 x 12; down to 16 + 4, up to 8 x (8 + 8); output 8 x 8 back.
  const double matrices = 64 * 24 + 24 * 96 + 64 * 20 + 16 * 128 + 64 * 64, ffn = 3 * 64 * 256;
  const Block block = layer_of(kind);
  EXPECT_EQ(block.parameters(), matrices + 24 + 16 + ffn + 2 * 64);
  const double core = 2 * kTokens * 32 * 8 * (12 + 8) / 2;
  EXPECT_EQ(op_of(block.forward, OpKind::flash_attention).flop, core);
  EXPECT_EQ(flop_of(block.forward), 2 * kTokens * (matrices + ffn) + core);
  // A rank of two has half of the heads, and both latent vectors whole.
  EXPECT_EQ(layer_of(kind, flash(), 2).parameters(),
            64 * 24 + 64 * 20 + (24 * 96 + 16 * 128 + 64 * 64 + ffn) / 2 + 24 + 16 + 2 * 64);
}

TEST(LayerKinds, ExpertsByHand) {
  LayerKind kind = small_layer();
  kind.feed_forward.experts = {.count = 8, .top_k = 2, .shared_width = 128, .shared_gate = true};
  const double attention = 2 * 64 * 64 + 2 * 64 * 32, expert = 3 * 64 * 256, shared = 3 * 64 * 128;
  const Block block = layer_of(kind);
  EXPECT_EQ(block.parameters(), attention + 64 * 8 + 8 * expert + shared + 64 + 2 * 64);
  const ModelSpec model = small_model(kind);
  EXPECT_EQ(parameter_count(model, 1) - active_parameter_count(model, 1), 2 * 6 * expert);
  const double core = op_of(block.forward, OpKind::flash_attention).flop;
  EXPECT_EQ(flop_of(block.forward), 2 * kTokens * (attention + 64 * 8 + 2 * expert + shared + 64) + core);
  EXPECT_EQ(flop_of(block.backward),
            4 * kTokens * (attention + 64 * 8 + 2 * expert + shared + 64) + 2.5 * core);
  // Each of 64 tokens has two rows, which are read and written.
  EXPECT_EQ(op_of(block.forward, OpKind::permute).bytes, kTokens * 2 * 64 * 4);
  // Two ranks share the width of every expert; each has the router and the gate whole.
  EXPECT_EQ(layer_of(kind, flash(), 2).parameters(), (attention + 8 * expert + shared) / 2 + 64 * 9 + 2 * 64);
}

TEST(LayerKinds, SinksAreOneLogitPerHead) {
  LayerKind kind = small_layer();
  kind.attention.sinks = true;
  const Block block = layer_of(kind);
  EXPECT_EQ(block.parameters(), kSmallLayer + 8);
  EXPECT_EQ(count_of(block.backward, OpKind::attention_sinks), 1);
}

// What is counted of a model is what its op lists compute. 3840 tokens are spread evenly over the experts of
// every published model.
TEST(LayerKinds, OpListsHoldTheFlopOfEveryPublishedModel) {
  int models = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(PARAPLAN_SOURCE_DIR "/tests/golden/huggingface/configs")) {
    const ModelSpec model = import_huggingface(entry.path());
    const int64_t tokens = 3840;
    double listed = 0;
    for (const LayerRun& run : model.runs) {
      const Block block = transformer_layer(model, model.kinds[run.kind], flash(), {.seq_length = tokens});
      listed += 3 * flop_of(block.forward) * static_cast<double>(run.count);
    }
    const double projection = 6 * static_cast<double>(tokens) * static_cast<double>(model.hidden) *
                              static_cast<double>(model.vocab);
    const double counted = model_flop_per_sample(model, tokens, AttentionCount::unmasked) - projection;
    EXPECT_NEAR(listed, counted, 1e-12 * counted) << model.name;
    ++models;
  }
  EXPECT_GE(models, 45);
}

TEST(LayerKinds, AnImportedLlamaIsTheOneOfItsFamily) {
  const ModelSpec imported =
      import_huggingface(PARAPLAN_SOURCE_DIR "/tests/golden/huggingface/configs/llama3_1_8b.json");
  ModelSpec preset = load_model(PARAPLAN_SOURCE_DIR "/scenarios/models/llama3_8b.toml");
  preset.name = imported.name;
  EXPECT_EQ(imported, preset);
}

TEST(Unpriced, NamesTheLayerKindAndTheKey) {
  LayerKind kind = small_layer();
  kind.name = "odd";
  EXPECT_EQ(unpriced(small_model(kind), {}), std::nullopt);
  kind.attention.sinks = true;
  EXPECT_EQ(unpriced(small_model(kind), flash()), std::nullopt);
  EXPECT_EQ(
      unpriced(small_model(kind), {}),
      "layer kind \"odd\": attention sinks without flash attention (attention.sinks) cannot be priced yet");
  ModelSpec model = small_model(small_layer());
  model.prediction_layers = 1;
  EXPECT_EQ(unpriced(model, {}),
            "layers for multi-token prediction cannot be priced yet; prediction_layers = 0 in a "
            "model file leaves them out");
}

}  // namespace
}  // namespace paraplan
