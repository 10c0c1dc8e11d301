#include "costmodel/block_builder.h"

#include <algorithm>

namespace paraplan {

BlockBuilder::BlockBuilder(const Fusion& fusion, const BlockShape& shape)
    : fusion_(fusion),
      shape_(shape),
      element_bytes_(static_cast<double>(bytes_per_element(shape.precision))) {}

void BlockBuilder::weight(const char* name, double elements) {
  block_.weights.push_back({name, elements, true});
}

void BlockBuilder::transient(double bytes) {
  block_.transient_bytes = std::max(block_.transient_bytes, bytes);
}

void BlockBuilder::linear(const char* name, int64_t in, int64_t out, bool bias, bool owns_weight) {
  const int64_t rows = shape_.tokens();
  const double weights = static_cast<double>(in) * static_cast<double>(out);
  Op op{.kind = OpKind::gemm, .name = name, .attention_core = core_, .m = rows, .n = out, .k = in};
  forward(op);
  Op weight_gradient = op, data_gradient = op;
  weight_gradient.m = in, weight_gradient.n = out, weight_gradient.k = rows;
  data_gradient.n = in, data_gradient.k = out;
  block_.weights.push_back({name, weights, owns_weight});
  if (!fusion_.gradient_accumulation) {
    // Reads the new gradient, reads and writes the buffer.
    backward({.kind = OpKind::accumulate, .name = name, .bytes = 3 * weights * element_bytes_});
  }
  backward(weight_gradient);
  backward(data_gradient);
  if (bias) {
    weight(name, static_cast<double>(out));
    const double outputs = static_cast<double>(rows) * static_cast<double>(out);
    backward({.kind = OpKind::accumulate, .name = name, .launches = 1});
    backward({.kind = OpKind::add, .name = name, .bytes = outputs * element_bytes_});
  }
}

void BlockBuilder::elementwise(OpKind kind, const char* name, double elements, const Traffic& traffic) {
  Op op{.kind = kind, .name = name, .attention_core = core_};
  op.bytes = elements * traffic.forward_bytes;
  op.launches = traffic.forward_launches;
  op.random_numbers = elements * traffic.random_numbers;
  if (op.launches > 0) forward(op);
  op.random_numbers = 0;
  op.bytes = elements * traffic.backward_bytes;
  op.launches = traffic.backward_launches;
  if (op.launches > 0) backward(op);
}

void BlockBuilder::gelu(const char* name, double elements) {
  const double e = element_bytes_;
  save(name, elements * e);
  if (fusion_.gelu) {
    elementwise(OpKind::activation, name, elements,
                fusion_.bias_gelu ? Traffic{2 * e, 3 * e, 1, 1} : Traffic{4 * e, 3 * e, 2, 1});
    return;
  }
  // 0.5 x (1 + tanh(sqrt(2/pi) x (1 + 0.044715 x^2))): seven elementwise kernels after the bias, six of which
  // keep an operand; each has one or two kernels in the backward pass.
  elementwise(OpKind::activation, name, elements, {18 * e, 26 * e, 8, 11});
  save(name, 6 * elements * e);
}

void BlockBuilder::norm(const char* name, double rows, int64_t width, bool bias) {
  const double e = element_bytes_;
  const double elements = rows * static_cast<double>(width);
  // Fused: read and write; backward reads input and gradient, writes, and reads both again for the weights'
  // gradients. Unfused: cast to fp32, square, mean, scale, cast back, each a pass of its own.
  const Traffic fused{2 * e, 5 * e, 1, 2};
  const Traffic unfused{3 * e + 28, 5 * e + 48, 7, 13};
  elementwise(OpKind::norm, name, elements, fusion_.norm ? fused : unfused);
  weight(name, static_cast<double>(width));
  backward({.kind = OpKind::accumulate, .name = name, .launches = bias ? 2.0 : 1.0});
  if (bias) weight(name, static_cast<double>(width));
  save(name, elements * e + 8 * rows);  // input, fp32 mean and inverse deviation
}

void BlockBuilder::bias_dropout_add(const char* name, double elements, double dropout, bool bias) {
  const double e = element_bytes_;
  const double drops = dropout > 0 ? 1 : 0, mask = drops * mask_bytes();
  const Traffic fused{3 * e + mask, dropout > 0 ? 2 * e + mask : 0, 1, drops, drops};
  Traffic unfused{3 * e, 0, 1, 0, drops};
  if (bias) unfused.forward_bytes += 2 * e, unfused.forward_launches += 1;
  if (dropout > 0) {
    unfused.forward_bytes += 2 * e + mask, unfused.forward_launches += 1;
    unfused.backward_bytes += 2 * e + mask, unfused.backward_launches += 1;
  }
  elementwise(OpKind::add, name, elements, fusion_.bias_dropout_add ? fused : unfused);
  // The gradient of the residual stream is the sum of both branches.
  backward({.kind = OpKind::add, .name = "residual gradient", .bytes = 3 * e * elements});
  if (dropout > 0) save(name, elements * mask);
}

Op BlockBuilder::collective(OpKind kind, const char* name, double elements) const {
  return {.kind = kind, .name = name, .bytes = elements * element_bytes_, .group = CommGroup::tensor};
}

void BlockBuilder::enter_tensor_region(const char* name, double elements) {
  if (shape_.tensor == 1) return;
  const bool sharded = shape_.sequence_parallel;
  Op gradient = collective(sharded ? OpKind::reduce_scatter : OpKind::all_reduce, name, elements);
  gradient.beside_gemm = true;
  backward(gradient);
  if (!sharded) return;
  Op gather = collective(OpKind::all_gather, name, elements);
  forward(gather);
  gather.name = "input for weight gradient";
  gather.beside_gemm = true;
  backward(gather);
}

void BlockBuilder::leave_tensor_region(const char* name, double elements) {
  if (shape_.tensor == 1) return;
  if (shape_.sequence_parallel) {
    forward(collective(OpKind::reduce_scatter, name, elements));
    backward(collective(OpKind::all_gather, name, elements));
  } else {
    forward(collective(OpKind::all_reduce, name, elements));
  }
}

Block BlockBuilder::finish(double input_bytes) {
  block_.input_bytes = input_bytes;
  block_.backward.assign(reversed_backward_.rbegin(), reversed_backward_.rend());
  return std::move(block_);
}

double Block::parameters() const {
  double sum = 0;
  for (const Weight& w : weights) sum += w.owned ? w.elements : 0;
  return sum;
}

double Block::saved_bytes() const {
  double sum = 0;
  for (const SavedTensor& t : saved) sum += t.bytes;
  return sum;
}

double Block::attention_core_bytes() const {
  double sum = 0;
  for (const SavedTensor& t : saved) sum += t.attention_core ? t.bytes : 0;
  return sum;
}

}  // namespace paraplan
