// Launcher: positions, the ends of the model, and collectives.
#include <vector>

#include "executor/data/batch.h"
#include "executor/walk/launcher.h"
#include "executor/walk/program.h"

namespace paraplan {
namespace {

constexpr double kRotaryBase = 10000;

const int64_t* indices(const Frame& frame, const Operand& operand) {
  return static_cast<const int64_t*>(frame.data(operand));
}

// The i-th column of statistics behind the first `before` elements of each row: of what sums are kept in,
// which may be wider than the elements.
Matrix statistic(const Matrix& rows, int64_t before, int64_t i, ElementType type) {
  const int64_t element = size_of(type), wide = size_of(accumulation_type(type));
  return {static_cast<char*>(rows.data) + before * element + i * wide, rows.rows, 1,
          rows.stride * element / wide};
}

}  // namespace

void Launcher::rotary(const Op& op, const Frame& frame) {
  const int64_t width = attention_.width;
  const RowMap rows = rows_of(frame.tensor(op.writes[0]), {});
  const bool inverse = op.derivative != Derivative::none;
  const auto turn = [&](const Operand& operand, int64_t heads) {
    const Matrix m = columns_of(frame.matrix(operand), 0, heads * width, backend_.element_type());
    backend_.rotary(rows, heads, width, kRotaryBase, inverse, m);
  };
  if (!inverse) return turn(op.writes[0], attention_.heads + attention_.kv_heads);
  turn(op.writes[0], attention_.heads);
  turn(op.writes[1], attention_.kv_heads);
}

void Launcher::concatenate(const Op& op, const Frame& frame) {
  const Matrix query = frame.matrix(op.reads[0]), key_value = frame.matrix(op.reads[1]);
  const Matrix joined = frame.matrix(op.writes[0]);
  const ElementType type = backend_.element_type();
  backend_.copy(query, columns_of(joined, 0, query.columns, type));
  backend_.copy(key_value, columns_of(joined, query.columns, key_value.columns, type));
}

void Launcher::embedding(const Op& op, const Frame& frame, const LaunchSite& site) {
  const bool forward = op.derivative == Derivative::none;
  if (op.kind == OpKind::embedding) {
    const int64_t* tokens = indices(frame, op.reads[0]);
    const Matrix second = frame.matrix(op.reads[1]), written = frame.matrix(op.writes[0]);
    const int64_t first = first_vocabulary_row(forward ? second : written);
    return forward ? backend_.embedding(tokens, first, second, written)
                   : backend_.embedding_gradient(tokens, first, second, written);
  }
  const Operand x = op.reads[0];
  const RowMap rows = rows_of(frame.tensor(x), site);
  const int64_t tokens_per_row = op.kind == OpKind::segment_embedding ? (job_.shape.seq_length + 1) / 2 : 1;
  if (forward)
    return backend_.position_embedding(rows, tokens_per_row, frame.matrix(op.reads[1]), frame.matrix(x));
  backend_.position_embedding_gradient(rows, tokens_per_row, frame.matrix(x), frame.matrix(op.writes[0]));
}

// A rank that does not hold a sample's first token gives zeros.
void Launcher::first_token(const Op& op, const Frame& frame) {
  const bool forward = op.derivative == Derivative::none;
  const Operand stream = forward ? op.reads[0] : op.writes[0];
  const Matrix rows = frame.matrix(stream), first = frame.matrix(forward ? op.writes[0] : op.reads[0]);
  const RowMap map = rows_of(frame.tensor(stream), {});
  const auto row = [](const Matrix& m, int64_t r, ElementType type) {
    return Matrix{static_cast<char*>(m.data) + r * m.stride * size_of(type), 1, m.columns, m.stride};
  };
  const ElementType type = backend_.element_type();
  if (forward) backend_.fill(0, first);
  for (int64_t sample = 0; sample < first.rows; ++sample) {
    const int64_t r = sample * map.tokens - map.first_row;
    if (me_.context != 0 || r < 0 || r >= rows.rows) continue;
    const Matrix one = row(first, sample, type), place = row(rows, r, type);
    if (forward) {
      backend_.copy(place, one);
    } else {
      backend_.add(place, one, place);
    }
  }
}

// pooled = tanh(first W + b); two logits = pooled W2 + b2; cross entropy. Counted on the rank that holds the
// first tokens along the context axis.
void Launcher::sentence_head(const Op& op, const Frame& frame) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const auto writes = [&](size_t i) { return frame.matrix(op.writes[i]); };
  const ElementType type = backend_.element_type();
  const bool forward = op.derivative == Derivative::none, counts = me_.context == 0;
  const Matrix work = forward ? writes(1) : reads(2);
  const auto part = [&](int64_t first, int64_t count) { return columns_of(work, first, count, type); };
  const Matrix logits = part(0, 2);
  const Matrix maximum = statistic(work, 2, 0, type), sum = statistic(work, 2, 1, type),
               target = statistic(work, 2, 2, type);
  const int64_t* labels = indices(frame, {Operand::Kind::value, frame.block().targets}) + job_.shape.tokens();
  if (forward) {
    const Matrix pooled = writes(0);
    backend_.gemm({.a = reads(0), .b = reads(1), .c = pooled});
    backend_.tanh(reads(2), pooled);
    backend_.gemm({.a = pooled, .b = reads(3), .c = logits});
    backend_.bias_add(reads(4), logits);
    backend_.loss_maximum(logits, 0, 2, maximum);
    backend_.loss_sum(logits, 0, 2, labels, maximum, sum, target);
    if (counts && me_.tensor == 0)
      backend_.cross_entropy(labels, 1 / static_cast<double>(job_.global_batch), sum, target, loss_.data());
    return;
  }
  const Matrix first = reads(0), pooled = reads(1), pooled_gradient = part(kSentenceColumns, pooled.columns);
  const double scale = counts ? 1 / static_cast<double>(job_.global_batch) : 0;
  backend_.cross_entropy_gradient(0, 2, labels, scale, maximum, sum, logits);
  backend_.gemm({.a = pooled, .transpose_a = true, .b = logits, .c = writes(3), .accumulate = true});
  backend_.bias_gradient(logits, writes(4));
  backend_.gemm({.a = logits, .b = reads(4), .transpose_b = true, .c = pooled_gradient});
  backend_.tanh_gradient(pooled, pooled_gradient);
  backend_.gemm({.a = first, .transpose_a = true, .b = pooled_gradient, .c = writes(1), .accumulate = true});
  backend_.bias_gradient(pooled_gradient, writes(2));
  backend_.gemm({.a = pooled_gradient, .b = reads(3), .transpose_b = true, .c = writes(0)});
}

void Launcher::loss(const Op& op, const Frame& frame) {
  const auto reads = [&](size_t i) { return frame.matrix(op.reads[i]); };
  const double targets = static_cast<double>(job_.global_batch) *
                         static_cast<double>(targets_per_sample(job_.model.task, job_.shape.seq_length));
  if (op.kind == OpKind::cross_entropy && op.derivative == Derivative::none) {
    if (me_.tensor == 0)
      backend_.cross_entropy(indices(frame, op.reads[0]), 1 / targets, reads(1), reads(2), loss_.data());
    return;
  }
  const Matrix logits = reads(0);
  const int64_t first = me_.tensor * logits.columns, vocab = job_.model.vocab;
  if (op.kind == OpKind::loss_maximum)
    return backend_.loss_maximum(logits, first, vocab, frame.matrix(op.writes[0]));
  const int64_t* indexed = indices(frame, op.reads[1]);
  if (op.kind == OpKind::loss_sum)
    return backend_.loss_sum(logits, first, vocab, indexed, reads(2), frame.matrix(op.writes[0]),
                             frame.matrix(op.writes[1]));
  backend_.cross_entropy_gradient(first, vocab, indexed, 1 / targets, reads(2), reads(3), logits);
}

void Launcher::collective(const Op& op, const Frame& frame) {
  if (groups_ == nullptr) return;
  if (op.group == CommGroup::context && op.kind == OpKind::all_gather) return gather_keys_values(op, frame);
  Communicator& group = op.group == CommGroup::context ? *groups_->context : *groups_->tensor;
  const ElementType type = element_type_of(frame.tensor(op.reads[0]).type);  // statistics have their own
  const Matrix from = frame.matrix(op.reads[0]), to = frame.matrix(op.writes[0]);
  switch (op.kind) {
    case OpKind::all_reduce:
      return group.all_reduce(from.data, from.elements(), type,
                              op.maximum ? Reduction::maximum : Reduction::sum);
    case OpKind::reduce_scatter:
      return group.reduce_scatter(from.data, from.elements(), type, to.data);
    default: {
      const Part own = part_of(to.elements(), group.rank(), group.size());
      backend_.copy({from.data, 1, own.count, own.count},
                    {static_cast<char*>(to.data) + own.first * size_of(type), 1, own.count, own.count});
      return group.all_gather(to.data, to.elements(), type);
    }
  }
}

// Keys and values are the last columns of the tensor they come from.
void Launcher::gather_keys_values(const Op& op, const Frame& frame) {
  Communicator& group = *groups_->context;
  const ElementType type = element_type_of(frame.tensor(op.reads[0]).type);
  const Matrix from = frame.matrix(op.reads[0]), to = frame.matrix(op.writes[0]);
  const Part own = part_of(to.elements(), group.rank(), group.size());
  const Matrix mine{static_cast<char*>(to.data) + own.first * size_of(type), from.rows, to.columns,
                    to.columns};
  backend_.copy(columns_of(from, from.columns - to.columns, to.columns, type), mine);
  group.all_gather(to.data, to.elements(), type);
}

}  // namespace paraplan
