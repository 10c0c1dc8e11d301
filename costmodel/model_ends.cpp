// The blocks at the ends of the model: embeddings and heads.
#include "costmodel/block_builder.h"

namespace paraplan {
namespace {

int64_t positions(const ModelSpec& model, int64_t seq_length) {
  return model.max_positions > 0 ? model.max_positions : seq_length;
}

double norm_rows(const BlockShape& shape) {
  const auto rows = static_cast<double>(shape.tokens());
  return shape.sequence_parallel ? rows / static_cast<double>(shape.tensor) : rows;
}

// BERT: dense + GELU + LayerNorm before the output projection, and a pooler with a two-way classifier over
// the first token. Neither is split over the tensor group in Megatron-LM.
void bert_heads(BlockBuilder& b, const ModelSpec& model, const BlockShape& shape) {
  const double e = b.element_bytes();
  const double c = static_cast<double>(model.hidden);
  const double rows = static_cast<double>(shape.tokens());
  b.save("head.dense.input", rows * c * e);
  b.linear("head.dense", model.hidden, model.hidden, true);
  b.gelu("head.gelu", rows * c);
  b.norm("head.norm", rows, model.hidden, true);
  const double pooled = static_cast<double>(shape.micro_batch) * c;
  b.weight("head.pooler", c * c);
  b.weight("head.pooler", c);
  b.weight("head.sentence", 2 * c);
  b.weight("head.sentence", 2);
  b.elementwise(OpKind::copy, "head.pooler", pooled,
                {8 * e, 16 * e, 10, 20});  // small kernels: launches matter
}

// Vocabulary-parallel cross entropy over fp32 logits: cast, maximum, subtract, gather the target, exponent,
// sum, divide; backward scales and casts (Megatron-LM's cross_entropy.py). Three small all-reduces over the
// tensor group.
void loss(BlockBuilder& b, const Fusion& fusion, const BlockShape& shape, double logits) {
  const double e = b.element_bytes();
  const auto rows = static_cast<double>(shape.tokens());
  b.elementwise(OpKind::cross_entropy, "head.loss", logits,
                fusion.cross_entropy ? BlockBuilder::Traffic{e, 2 * e, 2, 1}
                                     : BlockBuilder::Traffic{e + 36, e + 12, 16, 6});
  if (shape.tensor == 1) return;
  for (const char* name : {"head.loss.maximum", "head.loss.target", "head.loss.sum"})
    b.forward({.kind = OpKind::all_reduce, .name = name, .bytes = 4 * rows, .group = CommGroup::tensor});
}

}  // namespace

Block embedding_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape) {
  BlockBuilder b(fusion, shape);
  const double e = b.element_bytes();
  const auto c = static_cast<double>(model.hidden);
  const double elements = static_cast<double>(shape.tokens()) * c;
  const double table = static_cast<double>(padded_vocab(model, shape.tensor) / shape.tensor) * c;
  b.weight("embedding.word", table);
  // Backward zeroes a gradient of the table, scatters into it and adds it to the gradient buffer.
  b.backward({.kind = OpKind::accumulate, .name = "embedding.word", .bytes = 4 * e * table, .launches = 2});
  b.elementwise(OpKind::embedding, "embedding.word", elements,
                {2 * e, 3 * e, shape.tensor > 1 ? 6.0 : 1.0, 3});
  b.leave_tensor_region("embedding.word", elements);
  const double rows = norm_rows(shape) * c;
  if (model.family != Family::llama) {
    b.weight("embedding.position", static_cast<double>(positions(model, shape.seq_length)) * c);
    b.elementwise(OpKind::embedding, "embedding.position", rows, {4 * e, 2 * e, 2, 3});
  }
  if (model.family == Family::bert) {
    b.weight("embedding.segment", 2 * c);
    b.elementwise(OpKind::embedding, "embedding.segment", rows, {4 * e, 2 * e, 2, 3});
  }
  if (model.dropout > 0) {
    b.elementwise(OpKind::dropout, "embedding.dropout", rows,
                  {2 * e + b.mask_bytes(), 2 * e + b.mask_bytes(), 1, 1, 1});
    b.save("embedding.dropout", rows * b.mask_bytes());
  }
  b.save("embedding.tokens", 8 * static_cast<double>(shape.tokens()));
  return b.finish(0);
}

double logits_elements(const ModelSpec& model, const BlockShape& shape) {
  return static_cast<double>(shape.tokens()) *
         static_cast<double>(padded_vocab(model, shape.tensor) / shape.tensor);
}

Block head_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                 bool owns_tied_weight) {
  BlockBuilder b(fusion, shape);
  const double e = b.element_bytes();
  const double elements = static_cast<double>(shape.tokens()) * static_cast<double>(model.hidden);
  const int64_t vocab = padded_vocab(model, shape.tensor) / shape.tensor;
  b.norm("head.final_norm", norm_rows(shape), model.hidden, model.family != Family::llama);
  if (model.family == Family::bert) bert_heads(b, model, shape);
  b.enter_tensor_region("head.input", elements);
  b.save("head.projection.input", norm_rows(shape) * static_cast<double>(model.hidden) * e);
  // A tied weight is counted once, with the embedding, unless the two live on different stages.
  b.linear("head.projection", model.hidden, vocab, model.family == Family::bert,
           !model.tied_embeddings || owns_tied_weight);
  loss(b, fusion, shape, logits_elements(model, shape));
  return b.finish(0);
}

}  // namespace paraplan
