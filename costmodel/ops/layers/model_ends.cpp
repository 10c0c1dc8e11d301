// The blocks at the ends of the model: embeddings and heads.
#include "costmodel/ops/block_builder.h"

namespace paraplan {
namespace {

int64_t positions(const ModelSpec& model, int64_t seq_length) {
  return model.max_positions > 0 ? model.max_positions : seq_length;
}

// Learned positions or segments, added to x.
void add_embedding(BlockBuilder& b, OpKind kind, const char* name, int64_t rows, TensorId x) {
  const double e = b.element_bytes();
  const auto value = BlockBuilder::value;
  const WeightId table = b.weight(
      {.name = name, .rows = rows, .columns = b.at(x).width, .partial_gradient = b.at(x).sequence_shard});
  b.elementwise(kind, name, b.elements(x), {4 * e, 2 * e, 2, 3},
                {{value(x), BlockBuilder::parameter(table)}, {value(x)}},
                {{BlockBuilder::gradient(x)}, {BlockBuilder::parameter_gradient(table)}}, Derivative::weight);
}

// BERT's pooler with a two-way classifier over the first token; not split over the tensor group in
// Megatron-LM. Under sequence parallel the first tokens are collected.
void sentence_head(BlockBuilder& b, const BlockShape& shape, TensorId x) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const auto parameter = BlockBuilder::parameter, parameter_gradient = BlockBuilder::parameter_gradient;
  const double e = b.element_bytes();
  const int64_t c = b.at(x).width;
  const TensorId first = b.tensor("head.pooler.input", shape.micro_batch, c);
  const TensorId pooled = b.tensor("head.pooler", shape.micro_batch, c);
  // Two logits, the loss's statistics, and the gradient of `pooled` behind them. An even width, so that
  // statistics of 4 bytes lie straight in rows of 2-byte elements.
  const TensorId work = b.tensor("head.sentence", shape.micro_batch, kSentenceColumns + c + c % 2);
  const WeightId w = b.weight({.name = "head.pooler", .rows = c, .columns = c});
  const WeightId bias = b.weight({.name = "head.pooler", .columns = c, .initial = InitialValue::zeros});
  const WeightId w2 = b.weight({.name = "head.sentence", .rows = c, .columns = 2});
  const WeightId bias2 = b.weight({.name = "head.sentence", .columns = 2, .initial = InitialValue::zeros});
  b.elementwise(OpKind::first_token, "head.pooler.input", b.elements(first), {2 * e, 2 * e, 1, 2},
                {{value(x)}, {value(first)}}, {{gradient(first)}, {gradient(x)}});
  if (b.at(x).sequence_shard) {
    b.forward({.kind = OpKind::all_reduce,
               .name = "head.pooler.input",
               .bytes = b.at(first).bytes(),
               .group = CommGroup::tensor,
               .reads = {value(first)},
               .writes = {value(first)}});
  }
  // Small kernels: launches matter.
  b.elementwise(OpKind::sentence_head, "head.pooler", b.elements(pooled), {6 * e, 14 * e, 9, 18},
                {{value(first), parameter(w), parameter(bias), parameter(w2), parameter(bias2)},
                 {value(pooled), value(work)}},
                {{value(first), value(pooled), value(work), parameter(w), parameter(w2)},
                 {gradient(first), parameter_gradient(w), parameter_gradient(bias), parameter_gradient(w2),
                  parameter_gradient(bias2)}});
}

// BERT: the sentence head, and dense + GELU + LayerNorm before the output projection.
TensorId bert_heads(BlockBuilder& b, const ModelSpec& model, const BlockShape& shape, TensorId x) {
  sentence_head(b, shape, x);
  const auto [dense, bias] =
      b.linear("head.dense", x, {.in = model.hidden, .out = model.hidden, .bias = true});
  return b.norm("head.norm", b.gelu("head.gelu", dense, bias), true);
}

// Vocabulary-parallel cross entropy over fp32 logits: cast, maximum, subtract, gather the target, exponent,
// sum, divide; backward scales and casts (Megatron-LM's cross_entropy.py). Three small all-reduces over the
// tensor group.
void loss(BlockBuilder& b, const Fusion& fusion, const BlockShape& shape, TensorId logits, TensorId targets) {
  const auto value = BlockBuilder::value;
  const double e = b.element_bytes(), n = b.elements(logits);
  const int64_t rows = shape.tokens();
  const BlockBuilder::Traffic traffic = fusion.cross_entropy ? BlockBuilder::Traffic{e, 2 * e, 2, 1}
                                                             : BlockBuilder::Traffic{e + 36, e + 12, 16, 6};
  const TensorId maximum = b.tensor("head.loss.maximum", rows, 1, b.statistic_type());
  const TensorId sum = b.tensor("head.loss.sum", rows, 1, b.statistic_type());
  const TensorId target = b.tensor("head.loss.target", rows, 1, b.statistic_type());
  const auto reduce = [&](const char* name, TensorId t, bool largest) {
    if (shape.tensor == 1) return;
    b.forward({.kind = OpKind::all_reduce,
               .name = name,
               .bytes = b.at(t).bytes(),
               .group = CommGroup::tensor,
               .maximum = largest,
               .reads = {value(t)},
               .writes = {value(t)}});
  };
  // Unfused, the logits are cast to fp32 and become their softmax, which the backward pass reads.
  TensorId kept = logits;
  if (!fusion.cross_entropy) {
    kept = b.tensor("head.loss.softmax", rows, b.at(logits).width, b.statistic_type());
    b.at(kept).logits = true;
  }
  const Operand cast = fusion.cross_entropy ? Operand{} : value(kept);
  // The kernels share the traffic evenly.
  const double kernel_bytes = n * traffic.forward_bytes / traffic.forward_launches;
  b.forward({.kind = OpKind::loss_maximum,
             .name = "head.loss",
             .bytes = kernel_bytes,
             .reads = {value(logits)},
             .writes = {value(maximum), cast}});
  reduce("head.loss.maximum", maximum, true);
  b.forward({.kind = OpKind::loss_sum,
             .name = "head.loss",
             .bytes = n * traffic.forward_bytes - kernel_bytes,
             .launches = traffic.forward_launches - 1,
             .reads = {value(kept), value(targets), value(maximum)},
             .writes = {value(sum), value(target)}});
  reduce("head.loss.target", target, false);
  reduce("head.loss.sum", sum, false);
  b.forward({.kind = OpKind::cross_entropy,
             .name = "head.loss",
             .launches = 0,
             .reads = {value(targets), value(sum), value(target)}});
  b.backward({.kind = OpKind::cross_entropy,
              .name = "head.loss",
              .derivative = Derivative::data,
              .bytes = n * traffic.backward_bytes,
              .launches = traffic.backward_launches,
              .reads = {value(kept), value(targets), value(maximum), value(sum)},
              .writes = {BlockBuilder::gradient(logits)}});
  if (fusion.cross_entropy) b.alias_gradient(logits, value(logits));
}

}  // namespace

Block embedding_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape) {
  BlockBuilder b(fusion, shape);
  const auto value = BlockBuilder::value;
  const double e = b.element_bytes();
  const int64_t vocab = padded_vocab(model, shape.tensor) / shape.tensor;
  const TensorId tokens = b.tensor("embedding.tokens", shape.tokens(), 1, DataType::int64);
  TensorId x = b.tensor("embedding.word", shape.tokens(), model.hidden);
  const WeightId word = b.weight({.name = "embedding.word",
                                  .word_embedding = true,
                                  .rows = vocab,
                                  .columns = model.hidden,
                                  .shard = WeightShard::rows});
  // Backward zeroes a gradient of the table, scatters into it and adds it to the gradient buffer.
  const double table = static_cast<double>(vocab) * static_cast<double>(model.hidden);
  b.accumulate("embedding.word", 4 * e * table, 2);
  b.elementwise(OpKind::embedding, "embedding.word", b.elements(x),
                {2 * e, 3 * e, shape.tensor > 1 ? 6.0 : 1.0, 3},
                {{value(tokens), BlockBuilder::parameter(word)}, {value(x)}},
                {{value(tokens), BlockBuilder::gradient(x)}, {BlockBuilder::parameter_gradient(word)}},
                Derivative::weight);
  x = b.leave_tensor_region("embedding.word", x);
  if (model.positions == Positions::learned)
    add_embedding(b, OpKind::position_embedding, "embedding.position", positions(model, shape.seq_length), x);
  if (model.task == TrainingTask::masked_tokens)
    add_embedding(b, OpKind::segment_embedding, "embedding.segment", 2, x);
  if (model.embedding_norm != NormKind::none)
    x = b.norm("embedding.norm", x, model.embedding_norm == NormKind::layer);
  if (model.dropout > 0) {
    const TensorId kept = b.rows_of(x, "embedding.dropout", model.hidden, b.mask_type());
    const double bytes = 2 * e + static_cast<double>(b.mask_bytes());
    b.elementwise(OpKind::dropout, "embedding.dropout", b.elements(x), {bytes, bytes, 1, 1, 1},
                  {{value(x)}, {value(x), value(kept)}},
                  {{BlockBuilder::gradient(x), value(kept)}, {BlockBuilder::gradient(x)}});
  }
  b.output(x);
  Block block = b.finish();
  block.tokens = tokens;
  return block;
}

int64_t block_count(const ModelSpec& model, BlockName name) {
  if (!is_layer(name)) return 1;
  int64_t count = 0;
  for (const LayerRun& run : model.runs) count += run.kind == layer_kind(name) ? run.count : 0;
  return count;
}

BlockShape block_shape(const Scenario& scenario, const Layout& layout) {
  return {layout.micro_batch, scenario.seq_length,      layout.tensor,
          layout.context,     layout.sequence_parallel, scenario.precision};
}

ModelBlocks model_blocks(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                         bool owns_tied_weight) {
  ModelBlocks blocks(model.kinds.size());
  blocks[BlockName::embedding] = embedding_block(model, fusion, shape);
  for (size_t kind = 0; kind < model.kinds.size(); ++kind)
    blocks[layer_block(kind)] = transformer_layer(model, model.kinds[kind], fusion, shape);
  blocks[BlockName::head] = head_block(model, fusion, shape, owns_tied_weight);
  return blocks;
}

ModelBlocks model_blocks(const Scenario& scenario, const Layout& layout) {
  return model_blocks(scenario.model, scenario.software.fusion, block_shape(scenario, layout),
                      layout.pipeline > 1);
}

Block head_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                 bool owns_tied_weight) {
  const bool masked = model.task == TrainingTask::masked_tokens;
  BlockBuilder b(fusion, shape);
  TensorId x = b.input("head.input", model.hidden);
  if (model.final_norm != NormKind::none)
    x = b.norm("head.final_norm", x, model.final_norm == NormKind::layer);
  if (masked) x = bert_heads(b, model, shape, x);
  x = b.enter_tensor_region("head.input", x);
  // A tied weight is counted once, with the embedding, unless the two live on different stages.
  const auto [logits, bias] = b.linear("head.projection", x,
                                       {.in = model.hidden,
                                        .out = padded_vocab(model, shape.tensor) / shape.tensor,
                                        .bias = masked,
                                        .bias_place = BlockBuilder::BiasPlace::epilogue,
                                        .shard = WeightShard::rows,
                                        .transposed = true,
                                        .owns_weight = !model.tied_embeddings || owns_tied_weight,
                                        .word_embedding = model.tied_embeddings,
                                        .logits = true});
  // BERT's sentence labels stand behind the tokens' targets.
  const TensorId targets =
      b.tensor("head.targets", shape.tokens() + (masked ? shape.micro_batch : 0), 1, DataType::int64);
  loss(b, fusion, shape, model.logit_soft_cap > 0 ? b.soft_cap("head.soft_cap", logits) : logits, targets);
  Block block = b.finish();
  block.targets = targets;
  return block;
}

}  // namespace paraplan
