#include "costmodel/ops/block_builder.h"

#include <algorithm>

namespace paraplan {
namespace {

// Whether the tensor group splits the columns of y.
bool splits_outputs(const BlockBuilder::Linear& options) {
  return options.shard == (options.transposed ? WeightShard::rows : WeightShard::columns);
}

}  // namespace

BlockBuilder::BlockBuilder(const Fusion& fusion, const BlockShape& shape)
    : fusion_(fusion), shape_(shape), type_(data_type(shape.precision)) {}

Operand BlockBuilder::parameter(WeightId w) {
  return w < 0 ? Operand{} : Operand{Operand::Kind::weight, w};
}

Operand BlockBuilder::parameter_gradient(WeightId w) {
  return w < 0 ? Operand{} : Operand{Operand::Kind::weight_gradient, w};
}

TensorId BlockBuilder::tensor(const char* name, int64_t rows, int64_t width, DataType type) {
  block_.tensors.push_back({name, rows, width, type, core_});
  value_alias_.emplace_back();
  gradient_alias_.emplace_back();
  return static_cast<TensorId>(block_.tensors.size()) - 1;
}

TensorId BlockBuilder::tensor(const char* name, int64_t rows, int64_t width) {
  return tensor(name, rows, width, type_);
}

TensorId BlockBuilder::rows_of(TensorId t, const char* name, int64_t width, DataType type) {
  const TensorId same = tensor(name, at(t).rows, width, type);
  at(same).sequence_shard = at(t).sequence_shard;
  return same;
}

TensorId BlockBuilder::rows_of(TensorId t, const char* name, int64_t width) {
  return rows_of(t, name, width, type_);
}

TensorId BlockBuilder::input(const char* name, int64_t width) {
  const bool split = shape_.sequence_parallel && shape_.tensor > 1;
  block_.input = tensor(name, split ? shape_.tokens() / shape_.tensor : shape_.tokens(), width);
  at(block_.input).sequence_shard = split;
  return block_.input;
}

TensorId BlockBuilder::columns_of(TensorId t, const char* name, int64_t width) {
  const TensorId view = rows_of(t, name, width);
  value_alias_[static_cast<size_t>(view)] = value(t);
  gradient_alias_[static_cast<size_t>(view)] = gradient(t);
  return view;
}

TensorId BlockBuilder::fork(TensorId t) {
  const TensorId second = rows_of(t, at(t).name, at(t).width);
  value_alias_[static_cast<size_t>(second)] = value(t);
  backward({.kind = OpKind::add,
            .name = "residual gradient",
            .derivative = Derivative::data,
            .bytes = 3 * element_bytes() * elements(t),
            .reads = {gradient(t), gradient(second)},
            .writes = {gradient(t)}});
  return second;
}

void BlockBuilder::alias_gradient(TensorId t, Operand same) {
  gradient_alias_[static_cast<size_t>(t)] = same;
}

WeightId BlockBuilder::weight(const Weight& w) {
  block_.weights.push_back(w);
  block_.weights.back().elements = static_cast<double>(w.rows) * static_cast<double>(w.columns);
  return static_cast<WeightId>(block_.weights.size()) - 1;
}

void BlockBuilder::accumulate(const char* name, double bytes, double launches) {
  if (fusion_.in_place_gradients) return;
  backward({.kind = OpKind::accumulate,
            .name = name,
            .derivative = Derivative::weight,
            .bytes = bytes,
            .launches = launches});
}

BlockBuilder::LinearResult BlockBuilder::linear(const char* name, TensorId x, const Linear& options) {
  const int64_t rows = at(x).rows;
  const double e = element_bytes(),
               weights = static_cast<double>(options.in) * static_cast<double>(options.out);
  const int64_t stored_rows = options.transposed ? options.out : options.in;
  const int64_t stored_columns = options.transposed ? options.in : options.out;
  const bool partial = at(x).sequence_shard;
  const WeightId w = weight({.name = name,
                             .owned = options.owns_weight,
                             .word_embedding = options.word_embedding,
                             .rows = stored_rows,
                             .columns = stored_columns,
                             .shard = options.shard,
                             .parts = options.parts,
                             .partial_gradient = partial});
  LinearResult result{rows_of(x, name, options.out), -1};
  const TensorId y = result.y;
  at(y).logits = options.logits;
  Op op{.kind = OpKind::gemm, .name = name, .attention_core = core_, .m = rows, .n = options.out};
  op.k = options.in, op.transposed = options.transposed;
  op.reads = {value(x), parameter(w)}, op.writes = {value(y)};
  if (options.bias) {
    result.bias = weight({.name = name,
                          .columns = options.out,
                          .shard = splits_outputs(options) ? WeightShard::columns : WeightShard::none,
                          .parts = options.parts,
                          .initial = InitialValue::zeros,
                          .partial_gradient = partial});
    if (options.bias_place == BiasPlace::epilogue) op.reads[2] = parameter(result.bias);
  }
  forward(op);
  if (!fusion_.gradient_accumulation) {
    // Reads the new gradient, reads and writes the buffer.
    accumulate(name, 3 * weights * e, 1);
  }
  backward(weight_gradient(op, options, x, y, w));
  if (regather_) backward(*regather_);
  regather_.reset();
  op.derivative = Derivative::data, op.n = options.in, op.k = options.out;
  op.reads = {gradient(y), parameter(w), {}}, op.writes = {gradient(x)};
  backward(op);
  if (options.bias) add_bias(name, y, result.bias, options.bias_place == BiasPlace::own_kernel);
  return result;
}

void BlockBuilder::add_bias(const char* name, TensorId y, WeightId bias, bool own_kernel) {
  const double e = element_bytes();
  accumulate(name, 0, 1);
  elementwise(OpKind::bias_add, name, elements(y), {2 * e, e, own_kernel ? 1.0 : 0.0, 1},
              {{value(y), parameter(bias)}, {value(y)}}, {{gradient(y)}, {parameter_gradient(bias)}},
              Derivative::weight);
}

Op BlockBuilder::weight_gradient(const Op& forward_op, const Linear& options, TensorId x, TensorId y,
                                 WeightId w) const {
  Op op = forward_op;
  op.derivative = Derivative::weight;
  op.m = options.in, op.n = options.out, op.k = forward_op.m;
  op.reads = {value(x), gradient(y), {}}, op.writes = {parameter_gradient(w)};
  return op;
}

void BlockBuilder::elementwise(OpKind kind, const char* name, double elements, const Traffic& traffic,
                               const Operands& forward_operands, const Operands& backward_operands,
                               Derivative of) {
  Op op{.kind = kind, .name = name, .attention_core = core_};
  op.bytes = elements * traffic.forward_bytes;
  op.launches = traffic.forward_launches;
  op.random_numbers = elements * traffic.random_numbers;
  op.reads = forward_operands.reads, op.writes = forward_operands.writes;
  if (op.launches > 0) forward(op);
  op.derivative = of;
  op.random_numbers = 0;
  op.bytes = elements * traffic.backward_bytes;
  op.launches = traffic.backward_launches;
  op.reads = backward_operands.reads, op.writes = backward_operands.writes;
  if (op.launches > 0) backward(op);
}

TensorId BlockBuilder::gelu(const char* name, TensorId x, WeightId bias) {
  const double e = element_bytes(), n = elements(x);
  const TensorId y = rows_of(x, name, at(x).width);
  const Operands go{{value(x), parameter(bias)}, {value(y)}};
  const Operands back{{gradient(y), value(x), parameter(bias)}, {gradient(x)}};
  if (fusion_.gelu) {
    elementwise(OpKind::gelu, name, n,
                fusion_.bias_gelu ? Traffic{2 * e, 3 * e, 1, 1} : Traffic{4 * e, 3 * e, 2, 1}, go, back);
    return y;
  }
  // 0.5 x (1 + tanh(sqrt(2/pi) x (1 + 0.044715 x^2))): seven elementwise kernels after the bias, six of which
  // keep an operand; each has one or two kernels in the backward pass.
  const TensorId operands = rows_of(x, name, 6 * at(x).width);
  elementwise(OpKind::gelu, name, n, {18 * e, 26 * e, 8, 11},
              {{value(x), parameter(bias)}, {value(y), value(operands)}},
              {{gradient(y), value(x), value(operands), parameter(bias)}, {gradient(x)}});
  return y;
}

TensorId BlockBuilder::relu(const char* name, TensorId x, WeightId bias) {
  const double e = element_bytes(), adds = bias >= 0 ? 1 : 0;
  const TensorId y = rows_of(x, name, at(x).width);
  elementwise(OpKind::relu, name, elements(x), {2 * e * (1 + adds), 3 * e, 1 + adds, 1},
              {{value(x), parameter(bias)}, {value(y)}},
              {{gradient(y), value(x), parameter(bias)}, {gradient(x)}});
  return y;
}

TensorId BlockBuilder::soft_cap(const char* name, TensorId x) {
  const double e = element_bytes();
  const TensorId y = rows_of(x, name, at(x).width);
  at(y).logits = at(x).logits;
  // Divide, tanh, multiply; backward multiply, gradient of tanh, divide.
  elementwise(OpKind::soft_cap, name, elements(x), {6 * e, 7 * e, 3, 3}, {{value(x)}, {value(y)}},
              {{gradient(y), value(x)}, {gradient(x)}});
  return y;
}

TensorId BlockBuilder::sum(const char* name, TensorId a, TensorId b) {
  const TensorId y = rows_of(a, name, at(a).width);
  forward({.kind = OpKind::add,
           .name = name,
           .bytes = 3 * element_bytes() * elements(a),
           .reads = {value(a), value(b)},
           .writes = {value(y)}});
  alias_gradient(a, gradient(y));
  alias_gradient(b, gradient(y));
  return y;
}

TensorId BlockBuilder::norm(const char* name, TensorId x, bool shift) {
  const double e = element_bytes();
  const int64_t width = at(x).width;
  const bool partial = at(x).sequence_shard;
  const TensorId y = rows_of(x, name, width);
  const TensorId statistics = rows_of(x, name, 2, statistic_type());
  Weight w{.name = name, .columns = width, .initial = InitialValue::ones, .partial_gradient = partial};
  const WeightId gain = weight(w);
  w.initial = InitialValue::zeros;
  const WeightId shifts = shift ? weight(w) : -1;
  // Fused: read and write; backward reads input and gradient, writes, and reads both again for the weights'
  // gradients. Unfused: cast to fp32, square, mean, scale, cast back, each a pass of its own.
  const Traffic fused{2 * e, 5 * e, 1, 2};
  const Traffic unfused{3 * e + 28, 5 * e + 48, 7, 13};
  // Unfused, the backward pass reads the normed rows, and an fp32 copy of 16-bit input in its place.
  const bool casts = !fusion_.norm && type_ != statistic_type();
  const TensorId copy = casts ? rows_of(x, name, width, statistic_type()) : x;
  const Operand made = casts ? value(copy) : Operand{};
  const Operand normed = fusion_.norm ? Operand{} : value(rows_of(x, name, width));
  elementwise(OpKind::norm, name, elements(x), fusion_.norm ? fused : unfused,
              {{value(x), parameter(gain), parameter(shifts)}, {value(y), value(statistics), made, normed}},
              {{gradient(y), value(copy), value(statistics), parameter(gain), normed},
               {gradient(x), parameter_gradient(gain), parameter_gradient(shifts)}});
  accumulate(name, 0, shift ? 2 : 1);
  return y;
}

TensorId BlockBuilder::bias_dropout_add(const char* name, TensorId x, std::array<WeightId, 2> biases,
                                        TensorId residual, double dropout) {
  const double e = element_bytes(), n = elements(x);
  const double drops = dropout > 0 ? 1 : 0, mask = drops * static_cast<double>(mask_bytes());
  const Traffic fused{3 * e + mask, dropout > 0 ? 2 * e + mask : 0, 1, drops, drops};
  Traffic unfused{3 * e, 0, 1, 0, drops};
  for (WeightId bias : biases)
    if (bias >= 0) unfused.forward_bytes += 2 * e, unfused.forward_launches += 1;
  if (dropout > 0) {
    unfused.forward_bytes += 2 * e + mask, unfused.forward_launches += 1;
    unfused.backward_bytes += 2 * e + mask, unfused.backward_launches += 1;
  }
  const TensorId y = rows_of(x, name, at(x).width);
  const TensorId kept = dropout > 0 ? rows_of(x, name, at(x).width, mask_type()) : -1;
  const Operand kept_value = kept < 0 ? Operand{} : value(kept);
  elementwise(
      OpKind::bias_dropout_add, name, n, fusion_.bias_dropout_add ? fused : unfused,
      {{value(x), value(residual), parameter(biases[0]), parameter(biases[1])}, {value(y), kept_value}},
      {{gradient(y), kept_value}, {gradient(x)}});
  alias_gradient(residual, gradient(y));
  if (dropout == 0) alias_gradient(x, gradient(y));
  return y;
}

Op BlockBuilder::collective(OpKind kind, const char* name, TensorId from, TensorId to) const {
  // The payload is the full buffer: the larger side.
  const double bytes = std::max(elements(from), elements(to)) * element_bytes();
  return {.kind = kind,
          .name = name,
          .bytes = bytes,
          .group = CommGroup::tensor,
          .reads = {value(from)},
          .writes = {value(to)}};
}

TensorId BlockBuilder::enter_tensor_region(const char* name, TensorId x, bool beside_gemm) {
  if (shape_.tensor == 1) return x;
  const bool sharded = shape_.sequence_parallel;
  const TensorId full = sharded ? tensor(name, shape_.tokens(), at(x).width) : x;
  Op reduce = collective(sharded ? OpKind::reduce_scatter : OpKind::all_reduce, name, full, x);
  reduce.derivative = Derivative::data;
  reduce.beside_gemm = beside_gemm;
  reduce.reads = {gradient(full)}, reduce.writes = {gradient(x)};
  backward(reduce);
  if (!sharded) return x;
  Op gather = collective(OpKind::all_gather, name, x, full);
  forward(gather);
  gather.name = "input for weight gradient";
  gather.derivative = Derivative::data;
  gather.beside_gemm = true;
  regather_ = gather;
  return full;
}

TensorId BlockBuilder::leave_tensor_region(const char* name, TensorId x) {
  if (shape_.tensor == 1) return x;
  if (!shape_.sequence_parallel) {
    forward(collective(OpKind::all_reduce, name, x, x));
    return x;
  }
  const TensorId part = tensor(name, at(x).rows / shape_.tensor, at(x).width);
  at(part).sequence_shard = true;
  forward(collective(OpKind::reduce_scatter, name, x, part));
  Op gather = collective(OpKind::all_gather, name, part, x);
  gather.derivative = Derivative::data;
  gather.reads = {gradient(part)}, gather.writes = {gradient(x)};
  backward(gather);
  return part;
}

Operand BlockBuilder::resolve(Operand operand) const {
  while (true) {
    const auto at = static_cast<size_t>(operand.index);
    Operand next;
    if (operand.kind == Operand::Kind::value) next = value_alias_[at];
    if (operand.kind == Operand::Kind::gradient) next = gradient_alias_[at];
    if (!next) return operand;
    operand = next;
  }
}

void BlockBuilder::resolve(std::vector<Op>& ops) const {
  for (Op& op : ops) {
    for (Operand& operand : op.reads) operand = resolve(operand);
    for (Operand& operand : op.writes) operand = resolve(operand);
  }
}

Block BlockBuilder::finish() {
  block_.backward.assign(reversed_backward_.rbegin(), reversed_backward_.rend());
  resolve(block_.forward);
  resolve(block_.backward);
  return std::move(block_);
}

}  // namespace paraplan
