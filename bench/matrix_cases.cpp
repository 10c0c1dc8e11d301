// Kernels on the matrix units.
#include <cmath>

#include "bench/kernel_cases.h"

namespace paraplan {
namespace {

using Pointers = std::vector<void*>;
using Operand = KernelCase::Operand;

Matrix dense(void* data, int64_t rows, int64_t columns) {
  return {data, rows, columns, columns};
}

size_t bytes_of(int64_t elements, ElementType type) {
  return static_cast<size_t>(elements * size_of(type));
}

// Queries, keys and values side by side, as the projection of a layer leaves them.
struct Heads {
  AttentionShape shape;
  double scale;
  DropoutDraw draw;

  int64_t width() const { return shape.heads * shape.width; }
  HeadRows part(void* data, int64_t index, int64_t parts, ElementType type) const {
    return {static_cast<char*>(data) + index * width() * size_of(type), parts * width(), shape.queries};
  }
  Matrix merged(void* data) const { return dense(data, shape.batch * shape.queries, width()); }
  Matrix sums(void* data) const { return dense(data, shape.rows(), 1); }
};

Heads heads_of(int64_t batch, int64_t heads, int64_t tokens, int64_t width, double dropout) {
  Heads h;
  h.shape = {
      .batch = batch, .heads = heads, .kv_heads = heads, .queries = tokens, .keys = tokens, .width = width};
  h.scale = 1 / std::sqrt(static_cast<double>(width));
  h.draw = {.probability = dropout, .seed = 1, .site = 1, .step = 1, .rows = {}};
  h.draw.rows.tokens = h.draw.rows.all_tokens = tokens;
  h.draw.rows.groups = h.draw.rows.all_groups = heads;
  return h;
}

}  // namespace

std::vector<KernelCase> product_cases(ElementType type, int64_t tokens, int64_t in, int64_t out) {
  const double flop = 2.0 * static_cast<double>(tokens) * static_cast<double>(in) * static_cast<double>(out);
  const auto element = static_cast<double>(size_of(type));
  const double x = static_cast<double>(tokens * in) * element,
               y = static_cast<double>(tokens * out) * element;
  const double w = static_cast<double>(in * out);
  const Operand rows_in{bytes_of(tokens * in, type), Content::values, type};
  const Operand rows_out{bytes_of(tokens * out, type), Content::values, type};
  const Operand weight{bytes_of(in * out, type), Content::values, type};
  const Operand sums{bytes_of(in * out, accumulation_type(type)), Content::zeros, accumulation_type(type)};
  KernelCase made;
  made.type = type, made.flop = flop;
  made.sizes = {{"tokens", tokens}, {"in", in}, {"out", out}};
  std::vector<KernelCase> cases;
  const auto add = [&](const char* kernel, double bytes, std::vector<Operand> operands, auto launch) {
    made.kernel = kernel, made.bytes = bytes, made.operands = std::move(operands), made.launch = launch;
    cases.push_back(made);
  };
  add("gemm", x + y + w * element, {rows_in, weight, rows_out}, [=](Backend& on, const Pointers& p) {
    on.gemm({.a = dense(p[0], tokens, in), .b = dense(p[1], in, out), .c = dense(p[2], tokens, out)});
  });
  add("gemm_data_gradient", x + y + w * element, {rows_out, weight, rows_in},
      [=](Backend& on, const Pointers& p) {
        on.gemm({.a = dense(p[0], tokens, out),
                 .b = dense(p[1], in, out),
                 .transpose_b = true,
                 .c = dense(p[2], tokens, in)});
      });
  const double gradient_bytes = 2 * w * static_cast<double>(size_of(accumulation_type(type)));
  add("gemm_weight_gradient", x + y + gradient_bytes, {rows_in, rows_out, sums},
      [=](Backend& on, const Pointers& p) {
        on.gemm({.a = dense(p[0], tokens, in),
                 .transpose_a = true,
                 .b = dense(p[1], tokens, out),
                 .c = dense(p[2], in, out),
                 .accumulate = true});
      });
  return cases;
}

std::vector<KernelCase> attention_cases(ElementType type, int64_t batch, int64_t heads, int64_t tokens,
                                        int64_t width, double dropout) {
  const Heads h = heads_of(batch, heads, tokens, width, dropout);
  const int64_t elements = batch * tokens * heads * width;
  const Operand rows{bytes_of(elements, type), Content::values, type};
  const Operand joined{bytes_of(3 * elements, type), Content::values, type};
  const Operand sums{bytes_of(h.shape.rows(), ElementType::fp32), Content::positive, ElementType::fp32};
  const double square = static_cast<double>(h.shape.rows()) * static_cast<double>(tokens);
  KernelCase made;
  made.kernel = "attention", made.type = type;
  made.sizes = {{"batch", batch}, {"heads", heads}, {"tokens", tokens}, {"width", width}};
  made.sizes["dropout_percent"] = std::llround(100 * dropout);
  made.flop = 0.5 * 4 * square * static_cast<double>(width);
  made.bytes = static_cast<double>(4 * elements * size_of(type));
  made.operands = {joined, rows, sums};
  made.launch = [=](Backend& on, const Pointers& p) {
    on.flash_attention(h.shape, h.scale, h.draw, h.part(p[0], 0, 3, type), h.part(p[0], 1, 3, type),
                       h.part(p[0], 2, 3, type), h.merged(p[1]), h.sums(p[2]));
  };
  KernelCase backward = made;
  backward.kernel = "attention_gradient";
  backward.flop *= 2.5, backward.bytes *= 2;
  backward.operands = {joined, rows, sums, rows, joined};
  backward.launch = [=](Backend& on, const Pointers& p) {
    on.flash_attention_gradient(h.shape, h.scale, h.draw, h.merged(p[3]), h.part(p[0], 0, 3, type),
                                h.part(p[0], 1, 3, type), h.part(p[0], 2, 3, type), h.merged(p[1]),
                                h.sums(p[2]), h.part(p[4], 0, 3, type), h.part(p[4], 1, 3, type),
                                h.part(p[4], 2, 3, type));
  };
  return {made, backward};
}

}  // namespace paraplan
