// Memory-bound kernels, all at one size.
#include <utility>

#include "bench/kernel_cases.h"

namespace paraplan {
namespace {

constexpr double kEpsilon = 1e-5, kDropout = 0.1, kRotaryBase = 10000;
constexpr int64_t kVocab = 32000, kWidth = 128;

using Pointers = std::vector<void*>;
using Operand = KernelCase::Operand;
using Launch = std::function<void(Backend&, const Pointers&)>;

Operand numbers(int64_t count, Content content, ElementType type) {
  return {static_cast<size_t>(count * size_of(type)), content, type};
}

// Matrices of one size, and the operands behind them.
struct Shape {
  ElementType type, sums;
  int64_t rows, columns;

  Matrix matrix(void* data) const { return {data, rows, columns, columns}; }
  Matrix half(void* data) const { return {data, rows, columns / 2, columns / 2}; }
  Matrix one_row(void* data) const { return {data, 1, columns, columns}; }
  Matrix column(void* data, int64_t width = 1) const { return {data, rows, width, width}; }

  Operand tensor(Content content = Content::values) const { return numbers(rows * columns, content, type); }
  Operand half_tensor() const { return numbers(rows * columns / 2, Content::values, type); }
  Operand row() const { return numbers(columns, Content::values, type); }
  Operand row_sums() const { return numbers(columns, Content::zeros, sums); }
  Operand column_sums(int64_t width = 1) const { return numbers(rows * width, Content::positive, sums); }
  Operand mask() const { return {static_cast<size_t>(rows * columns), Content::mask, type}; }
  Operand indices(int64_t below) const {
    return {static_cast<size_t>(rows) * sizeof(int64_t), Content::values, type, below};
  }
  double bytes() const { return static_cast<double>(rows * columns * size_of(type)); }
  double mask_bytes() const { return static_cast<double>(rows * columns); }

  DropoutDraw draw() const {
    DropoutDraw draw{.probability = kDropout, .seed = 1, .site = 1, .step = 1, .rows = {}};
    draw.rows.tokens = draw.rows.all_tokens = rows;
    return draw;
  }
  RowMap positions() const {
    RowMap map;
    map.tokens = map.all_tokens = rows;
    return map;
  }
  // Rows are queries of square score matrices.
  AttentionShape scores() const {
    AttentionShape shape;
    shape.queries = shape.keys = columns;
    shape.heads = shape.kv_heads = rows / columns;
    return shape;
  }
};

uint8_t* bytes_at(void* data) {
  return static_cast<uint8_t*>(data);
}
const int64_t* indices_at(void* data) {
  return static_cast<const int64_t*>(data);
}

class Cases {
 public:
  explicit Cases(const Shape& shape) : s_(shape) {}

  void elementwise();
  void activations();
  void dropouts();
  void norms();
  void attention();
  void embeddings();
  void loss();
  void optimizer();
  std::vector<KernelCase> take() { return std::move(cases_); }

 private:
  void add(const char* kernel, double bytes, std::vector<Operand> operands, Launch launch) {
    KernelCase made;
    made.kernel = kernel, made.type = s_.type, made.bytes = bytes;
    made.sizes = {{"rows", s_.rows}, {"columns", s_.columns}};
    made.operands = std::move(operands), made.launch = std::move(launch);
    cases_.push_back(std::move(made));
  }

  Shape s_;
  std::vector<KernelCase> cases_;
};

void Cases::elementwise() {
  const double x = s_.bytes();
  add("copy", 2 * x, {s_.tensor(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) { on.copy(s.matrix(p[0]), s.matrix(p[1])); });
  add("add", 3 * x, {s_.tensor(), s_.tensor(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) { on.add(s.matrix(p[0]), s.matrix(p[1]), s.matrix(p[2])); });
  add("bias_add", 2 * x, {s_.row(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) { on.bias_add(s.one_row(p[0]), s.matrix(p[1])); });
  add("bias_gradient", x, {s_.tensor(), s_.row_sums()},
      [s = s_](Backend& on, const Pointers& p) { on.bias_gradient(s.matrix(p[0]), s.one_row(p[1])); });
}

void Cases::activations() {
  const double x = s_.bytes();
  add("gelu", 2 * x, {s_.tensor(), s_.row(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) { on.gelu(s.matrix(p[0]), s.one_row(p[1]), s.matrix(p[2])); });
  add("gelu_gradient", 3 * x, {s_.tensor(), s_.tensor(), s_.row(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) {
        on.gelu_gradient(s.matrix(p[0]), s.matrix(p[1]), s.one_row(p[2]), s.matrix(p[3]));
      });
  add("swiglu", 1.5 * x, {s_.tensor(), s_.half_tensor()},
      [s = s_](Backend& on, const Pointers& p) { on.swiglu(s.matrix(p[0]), s.half(p[1])); });
  add("swiglu_gradient", 2.5 * x, {s_.half_tensor(), s_.tensor(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) {
        on.swiglu_gradient(s.half(p[0]), s.matrix(p[1]), s.matrix(p[2]));
      });
}

void Cases::dropouts() {
  const double x = s_.bytes(), mask = s_.mask_bytes();
  add("dropout", 2 * x + mask, {s_.tensor(), s_.tensor(), s_.mask()},
      [s = s_](Backend& on, const Pointers& p) {
        on.dropout(s.draw(), s.matrix(p[0]), s.matrix(p[1]), bytes_at(p[2]));
      });
  add("dropout_gradient", 2 * x + mask, {s_.mask(), s_.tensor(), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) {
        on.dropout_gradient(kDropout, bytes_at(p[0]), s.matrix(p[1]), s.matrix(p[2]));
      });
  add("bias_dropout_add", 3 * x + mask, {s_.tensor(), s_.row(), s_.tensor(), s_.tensor(), s_.mask()},
      [s = s_](Backend& on, const Pointers& p) {
        on.bias_dropout_add(s.draw(), s.matrix(p[0]), s.one_row(p[1]), s.matrix(p[2]), s.matrix(p[3]),
                            bytes_at(p[4]));
      });
}

void Cases::norms() {
  const double x = s_.bytes();
  for (const bool shift : {true, false}) {
    add(shift ? "layer_norm" : "rms_norm", 2 * x,
        {s_.tensor(), s_.row(), s_.row(), s_.tensor(), s_.column_sums(2)},
        [s = s_, shift](Backend& on, const Pointers& p) {
          on.norm(s.matrix(p[0]), s.one_row(p[1]), shift ? s.one_row(p[2]) : Matrix{}, kEpsilon,
                  s.matrix(p[3]), s.column(p[4], 2));
        });
    add(shift ? "layer_norm_gradient" : "rms_norm_gradient", 3 * x,
        {s_.tensor(), s_.tensor(), s_.column_sums(2), s_.row(), s_.tensor(), s_.row_sums(), s_.row_sums()},
        [s = s_, shift](Backend& on, const Pointers& p) {
          on.norm_gradient(s.matrix(p[0]), s.matrix(p[1]), s.column(p[2], 2), s.one_row(p[3]), s.matrix(p[4]),
                           s.one_row(p[5]), shift ? s.one_row(p[6]) : Matrix{});
        });
  }
}

// Causal: the upper triangle is written, not read.
void Cases::attention() {
  const double x = s_.bytes(), scale = 0.125;
  if (s_.rows % s_.columns == 0) {
    add("softmax", 1.5 * x, {s_.tensor()},
        [=, s = s_](Backend& on, const Pointers& p) { on.softmax(s.scores(), scale, s.matrix(p[0])); });
    add("softmax_gradient", 2 * x, {s_.tensor(Content::shares), s_.tensor()},
        [=, s = s_](Backend& on, const Pointers& p) {
          on.softmax_gradient(s.scores(), scale, s.matrix(p[0]), s.matrix(p[1]));
        });
  }
  add("rotary", 2 * x, {s_.tensor()}, [s = s_](Backend& on, const Pointers& p) {
    on.rotary(s.positions(), s.columns / kWidth, kWidth, kRotaryBase, false, s.matrix(p[0]));
  });
}

void Cases::embeddings() {
  const double x = s_.bytes();
  const int64_t table = kVocab * s_.columns;
  add("embedding", 2 * x, {s_.indices(kVocab), numbers(table, Content::values, s_.type), s_.tensor()},
      [s = s_](Backend& on, const Pointers& p) {
        on.embedding(indices_at(p[0]), 0, {p[1], kVocab, s.columns, s.columns}, s.matrix(p[2]));
      });
  const double sums = 2.0 * static_cast<double>(s_.rows * s_.columns * size_of(s_.sums));
  add("embedding_gradient", x + sums,
      {s_.indices(kVocab), s_.tensor(), numbers(table, Content::zeros, s_.sums)},
      [s = s_](Backend& on, const Pointers& p) {
        on.embedding_gradient(indices_at(p[0]), 0, s.matrix(p[1]), {p[2], kVocab, s.columns, s.columns});
      });
}

// Rows of logits.
void Cases::loss() {
  const double x = s_.bytes();
  add("loss_maximum", x, {s_.tensor(), s_.column_sums()}, [s = s_](Backend& on, const Pointers& p) {
    on.loss_maximum(s.matrix(p[0]), 0, s.columns, s.column(p[1]));
  });
  add("loss_sum", x,
      {s_.tensor(), s_.indices(s_.columns), s_.column_sums(), s_.column_sums(), s_.column_sums()},
      [s = s_](Backend& on, const Pointers& p) {
        on.loss_sum(s.matrix(p[0]), 0, s.columns, indices_at(p[1]), s.column(p[2]), s.column(p[3]),
                    s.column(p[4]));
      });
  add("cross_entropy_gradient", 2 * x,
      {s_.tensor(), s_.indices(s_.columns), s_.column_sums(), s_.column_sums()},
      [s = s_](Backend& on, const Pointers& p) {
        on.cross_entropy_gradient(0, s.columns, indices_at(p[1]), 1, s.column(p[2]), s.column(p[3]),
                                  s.matrix(p[0]));
      });
}

// One tensor: master weight and two moments are read and written, the gradient is read and zeroed, the weight
// written.
void Cases::optimizer() {
  const double n = static_cast<double>(s_.rows * s_.columns), sums = static_cast<double>(size_of(s_.sums));
  const auto state = [this](Content content) { return numbers(s_.rows * s_.columns, content, s_.sums); };
  add("adam", n * (8 * sums + static_cast<double>(size_of(s_.type))),
      {s_.tensor(), state(Content::values), state(Content::zeros), state(Content::positive),
       state(Content::values)},
      [s = s_](Backend& on, const Pointers& p) {
        const AdamTensor tensor{.parameter = s.matrix(p[0]),
                                .gradient = s.matrix(p[1]),
                                .first_moment = s.matrix(p[2]),
                                .second_moment = s.matrix(p[3]),
                                .master = s.matrix(p[4])};
        on.adam({.learning_rate = 1e-4, .weight_decay = 0.1}, {&tensor, 1});
      });
  add("square_sum", n * sums, {state(Content::values), {sizeof(double), Content::zeros, ElementType::fp64}},
      [s = s_](Backend& on, const Pointers& p) {
        const Matrix gradient = s.matrix(p[0]);
        on.square_sum({&gradient, 1}, static_cast<double*>(p[1]));
      });
}

}  // namespace

std::vector<KernelCase> memory_cases(ElementType type, int64_t rows, int64_t columns) {
  Cases cases({type, accumulation_type(type), rows, columns});
  cases.elementwise();
  cases.activations();
  cases.dropouts();
  cases.norms();
  cases.attention();
  cases.embeddings();
  cases.loss();
  cases.optimizer();
  return cases.take();
}

}  // namespace paraplan
