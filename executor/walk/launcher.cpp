#include "executor/walk/launcher.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace paraplan {
namespace {

constexpr double kNormEpsilon = 1e-5;

// FNV-1a: one random stream per named op of a block.
uint32_t stream_of(const char* name, int64_t block) {
  uint32_t hash = 2166136261u;
  for (const char* c = name; *c != '\0'; ++c) hash = (hash ^ static_cast<unsigned char>(*c)) * 16777619u;
  for (int64_t b = block; b > 0; b >>= 8) hash = (hash ^ static_cast<uint32_t>(b & 255)) * 16777619u;
  return hash;
}

}  // namespace

Launcher::Launcher(const Job& job, const Coordinates& me, const Groups* groups, Backend& backend)
    : job_(job), me_(me), groups_(groups), backend_(backend), loss_(backend) {
  for (const LayerKind& kind : job.model.kinds) {
    AttentionShape shape;
    shape.batch = job.shape.micro_batch;
    shape.heads = kind.attention.heads / job.shape.tensor;
    shape.kv_heads = kind.attention.kv_heads / job.shape.tensor;
    shape.queries = job.shape.seq_length / job.shape.context;
    shape.keys = job.shape.seq_length;
    shape.width = kind.attention.head_width;
    shape.first_query = me.context * shape.queries;
    shape.causal = kind.attention.causal;
    attention_of_.push_back(shape);
  }
  attention_ = attention_of_.front();
}

RowMap Launcher::rows_of(const Tensor& tensor, const LaunchSite& site) const {
  RowMap map;
  map.tokens = attention_.queries;
  map.first_token = attention_.first_query;
  map.all_tokens = job_.shape.seq_length;
  map.first_sample = site.first_sample;
  if (tensor.attention_core) {  // scores: a row per head and token
    map.groups = attention_.heads;
    map.first_group = me_.tensor * attention_.heads;
    map.all_groups = job_.shape.tensor * attention_.heads;
  } else if (tensor.sequence_shard) {
    map.first_row = me_.tensor * tensor.rows;
  }
  return map;
}

DropoutDraw Launcher::draw_of(const Op& op, const Tensor& tensor, const LaunchSite& site) const {
  return {.probability = job_.model.dropout,
          .seed = job_.seed,
          .site = stream_of(op.name, site.block),
          .step = static_cast<uint32_t>(site.step),
          .rows = rows_of(tensor, site)};
}

// Queries, keys and values lie side by side in one tensor, or keys and values in a tensor of their own
// (gathered over the context group; gradients).
HeadRows Launcher::queries_in(const Matrix& rows) const {
  return heads_at(rows, 0);
}

HeadRows Launcher::keys_in(const Matrix& rows) const {
  return heads_at(rows, rows.columns - 2 * attention_.kv_heads * attention_.width);
}

HeadRows Launcher::values_in(const Matrix& rows) const {
  return heads_at(rows, rows.columns - attention_.kv_heads * attention_.width);
}

HeadRows Launcher::heads_at(const Matrix& rows, int64_t column) const {
  return {columns_of(rows, column, 0, backend_.element_type()).data, rows.stride, attention_.queries};
}

double Launcher::attention_scale() const {
  return 1 / std::sqrt(static_cast<double>(attention_.width));
}

void Launcher::launch(const Op& op, Frame& frame, const LaunchSite& site) {
  attention_ = attention_of_[site.layer_kind];
  if (is_collective(op.kind)) return collective(op, frame);
  if (op.kind == OpKind::gemm) return gemm(op, frame);
  if (op.attention_core) {
    if (op.kind == OpKind::dropout) return dropout(op, frame, site);
    if (op.kind == OpKind::flash_attention) return flash_attention(op, frame, site);
    return attention(op, frame);
  }
  if (!row_kernel(op, frame, site))
    throw std::logic_error(std::string("the executor has no kernel for ") + to_string(op.kind));
}

bool Launcher::row_kernel(const Op& op, const Frame& frame, const LaunchSite& site) {
  switch (op.kind) {
    case OpKind::norm:
      norm(op, frame);
      break;
    case OpKind::gelu:
    case OpKind::swiglu:
    case OpKind::bias_add:
      activation(op, frame);
      break;
    case OpKind::dropout:
      dropout(op, frame, site);
      break;
    case OpKind::bias_dropout_add:
      bias_dropout_add(op, frame, site);
      break;
    case OpKind::add:
      backend_.add(frame.matrix(op.reads[0]), frame.matrix(op.reads[1]), frame.matrix(op.writes[0]));
      break;
    case OpKind::rotary:
      rotary(op, frame);
      break;
    case OpKind::concatenate:
      concatenate(op, frame);
      break;
    case OpKind::embedding:
    case OpKind::position_embedding:
    case OpKind::segment_embedding:
      embedding(op, frame, site);
      break;
    case OpKind::first_token:
      first_token(op, frame);
      break;
    case OpKind::sentence_head:
      sentence_head(op, frame);
      break;
    case OpKind::loss_maximum:
    case OpKind::loss_sum:
    case OpKind::cross_entropy:
      loss(op, frame);
      break;
    default:
      return false;
  }
  return true;
}

// W is (in, out), or (out, in) where the head uses the word embedding; then the weight gradient is
// g(y)^T x.
void Launcher::gemm(const Op& op, const Frame& frame) {
  Gemm g;
  g.a = frame.matrix(op.reads[0]);
  g.b = frame.matrix(op.reads[1]);
  g.c = frame.matrix(op.writes[0]);
  switch (op.derivative) {
    case Derivative::none:
      g.transpose_b = op.transposed;
      g.bias = frame.matrix(op.reads[2]);
      break;
    case Derivative::data:
      g.transpose_b = !op.transposed;
      break;
    case Derivative::weight:
      if (op.transposed) std::swap(g.a, g.b);
      g.transpose_a = true;
      g.accumulate = true;
      break;
  }
  backend_.gemm(g);
}

void Launcher::attention(const Op& op, const Frame& frame) {
  const double scale = attention_scale();
  const Matrix first = frame.matrix(op.reads[0]), written = frame.matrix(op.writes[0]);
  const bool forward = op.derivative == Derivative::none;
  if (op.kind == OpKind::softmax) {
    if (forward) return backend_.softmax(attention_, scale, written);
    return backend_.softmax_gradient(attention_, scale, frame.matrix(op.reads[1]), written);
  }
  if (op.kind == OpKind::merge_heads)
    return forward ? backend_.merge_heads(attention_, first, written)
                   : backend_.split_heads(attention_, first, written);
  attention_products(op, frame);
}

void Launcher::attention_products(const Op& op, const Frame& frame) {
  const Matrix first = frame.matrix(op.reads[0]), second = frame.matrix(op.reads[1]);
  const Matrix written = frame.matrix(op.writes[0]);
  const bool scores = op.kind == OpKind::attention_scores;
  switch (op.derivative) {
    case Derivative::none:
      if (scores) return backend_.attention_scores(attention_, queries_in(first), keys_in(second), written);
      return backend_.attention_context(attention_, first, values_in(second), written);
    case Derivative::data:
      if (scores)
        return backend_.attention_scores_query_gradient(attention_, first, keys_in(second),
                                                        queries_in(written));
      return backend_.attention_context_probabilities_gradient(attention_, first, values_in(second), written);
    case Derivative::weight:
      if (scores)
        return backend_.attention_scores_key_gradient(attention_, second, queries_in(first),
                                                      keys_in(written));
      return backend_.attention_context_value_gradient(attention_, first, second, values_in(written));
  }
}

// Masks are drawn as for the scores, of which the sums have a row each.
void Launcher::flash_attention(const Op& op, const Frame& frame, const LaunchSite& site) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const auto writes = [&](size_t i) { return frame.matrix(op.writes[i]); };
  const bool forward = op.derivative == Derivative::none;
  const DropoutDraw draw = draw_of(op, frame.tensor(forward ? op.writes[1] : op.reads[4]), site);
  if (forward)
    return backend_.flash_attention(attention_, attention_scale(), draw, queries_in(reads(0)),
                                    keys_in(reads(1)), values_in(reads(1)), writes(0), writes(1));
  backend_.flash_attention_gradient(attention_, attention_scale(), draw, reads(0), queries_in(reads(1)),
                                    keys_in(reads(2)), values_in(reads(2)), reads(3), reads(4),
                                    queries_in(writes(0)), keys_in(writes(1)), values_in(writes(1)));
}

void Launcher::norm(const Op& op, const Frame& frame) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const auto writes = [&](size_t i) { return frame.matrix(op.writes[i]); };
  if (op.derivative == Derivative::none)
    return backend_.norm(reads(0), reads(1), reads(2), kNormEpsilon, writes(0), writes(1));
  backend_.norm_gradient(reads(0), reads(1), reads(2), reads(3), writes(0), writes(1), writes(2));
}

void Launcher::activation(const Op& op, const Frame& frame) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const Matrix written = frame.matrix(op.writes[0]);
  const bool forward = op.derivative == Derivative::none;
  if (op.kind == OpKind::bias_add)
    return forward ? backend_.bias_add(reads(1), written) : backend_.bias_gradient(reads(0), written);
  if (op.kind == OpKind::swiglu)
    return forward ? backend_.swiglu(reads(0), written)
                   : backend_.swiglu_gradient(reads(0), reads(1), written);
  if (forward) return backend_.gelu(reads(0), reads(1), written);
  backend_.gelu_gradient(reads(0), reads(1), reads(2), written);
}

void Launcher::dropout(const Op& op, const Frame& frame, const LaunchSite& site) {
  const Matrix in = frame.matrix(op.reads[0]), out = frame.matrix(op.writes[0]);
  if (op.derivative == Derivative::none) {
    auto* mask = static_cast<uint8_t*>(frame.data(op.writes[1]));
    return backend_.dropout(draw_of(op, frame.tensor(op.writes[1]), site), in, out, mask);
  }
  backend_.dropout_gradient(job_.model.dropout, static_cast<const uint8_t*>(frame.data(op.reads[1])), in,
                            out);
}

void Launcher::bias_dropout_add(const Op& op, const Frame& frame, const LaunchSite& site) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const Matrix out = frame.matrix(op.writes[0]);
  if (op.derivative == Derivative::none) {
    auto* mask = op.writes[1] ? static_cast<uint8_t*>(frame.data(op.writes[1])) : nullptr;
    return backend_.bias_dropout_add(draw_of(op, frame.tensor(op.writes[0]), site), reads(0), reads(2),
                                     reads(1), out, mask);
  }
  backend_.dropout_gradient(job_.model.dropout, static_cast<const uint8_t*>(frame.data(op.reads[1])),
                            reads(0), out);
}

}  // namespace paraplan
