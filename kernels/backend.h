#pragma once

#include <span>
#include <string>

#include "kernels/matrix.h"

namespace paraplan {

// What a matrix product does with its result before it is stored.
enum class Epilogue {
  none,
  gelu,           // pre_activation = a * b + bias is stored, c = gelu(pre_activation)
  gelu_gradient,  // c = (a * b) * gelu'(pre_activation); column sums of c are added to bias_gradient, if
                  // given
};

// c = a * b [+ bias], or c += a * b. Shapes after transposition: a (m, k), b (k, n), c (m, n).
struct Gemm {
  Matrix a;
  bool transpose_a = false;
  Matrix b;
  bool transpose_b = false;
  Matrix c;                 // in the accumulation type where `accumulate`
  bool accumulate = false;  // without bias or epilogue
  Matrix bias = {};         // (1, n), added to each row; null: none
  Epilogue epilogue = Epilogue::none;
  Matrix pre_activation = {};  // (m, n)
  Matrix bias_gradient = {};   // (1, n), accumulation type; null: none
};

struct AdamStep {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;    // decoupled (AdamW, Loshchilov and Hutter 2019)
  double gradient_scale = 1;  // clipping
  int64_t step = 1;           // from 1: for the bias corrections
};

// A weight in the optimizer. Element types: parameter the backend's, the rest its accumulation type.
struct AdamTensor {
  Matrix parameter, gradient, first_moment, second_moment;
  Matrix master = {};  // full-precision copy, which the parameter is rounded from; null: the parameter itself
  bool decays = true;  // weight decay applies
};

// Maths on buffers of one device, in one element type. Knows no plan, rank or layout. Every call returns when
// its work is done or queued in order; nothing is allocated beyond `workspace_bytes`. Shapes are the caller's
// duty; an op that a backend does not have throws std::invalid_argument and says which.
// Names of results come last. "+=" marks results that are added to. In the accumulation type are: gradients
// of weights (gain, shift, bias, tables), statistics, log_sum_exp, maximum, sum, target.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;  // "cpu"
  virtual ElementType element_type() const = 0;

  // Memory of the device, aligned for its widest access; not initialised. Throws std::bad_alloc.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* data) = 0;
  // Held besides: from construction on, and more when a larger shape of fused attention is first seen.
  virtual size_t workspace_bytes() const = 0;
  virtual void synchronize() = 0;  // waits for queued work
  // Between the host's memory and the device's, behind queued work; the data is there when they return.
  virtual void upload(const void* host, size_t bytes, void* device) = 0;
  virtual void download(const void* device, size_t bytes, void* host) = 0;

  virtual void gemm(const Gemm& product) = 0;

  // Attention, unfused. `scores`, `probabilities` and their gradients: (B * H * T, T').
  virtual void attention_scores(const AttentionShape&, const HeadRows& query, const HeadRows& key,
                                const Matrix& scores) = 0;
  virtual void attention_scores_query_gradient(const AttentionShape&, const Matrix& gradient,
                                               const HeadRows& key, const HeadRows& query_gradient) = 0;
  virtual void attention_scores_key_gradient(const AttentionShape&, const Matrix& gradient,
                                             const HeadRows& query, const HeadRows& key_gradient) = 0;
  // In place: scores to probabilities = softmax(scale * scores, masked where shape.causal).
  virtual void softmax(const AttentionShape&, double scale, const Matrix& scores) = 0;
  // In place: gradient of the probabilities to gradient of the scores before scaling.
  virtual void softmax_gradient(const AttentionShape&, double scale, const Matrix& probabilities,
                                const Matrix& gradient) = 0;
  // context (B * H * T, width) = probabilities * value
  virtual void attention_context(const AttentionShape&, const Matrix& probabilities, const HeadRows& value,
                                 const Matrix& context) = 0;
  virtual void attention_context_probabilities_gradient(const AttentionShape&, const Matrix& gradient,
                                                        const HeadRows& value,
                                                        const Matrix& probabilities_gradient) = 0;
  virtual void attention_context_value_gradient(const AttentionShape&, const Matrix& probabilities,
                                                const Matrix& gradient, const HeadRows& value_gradient) = 0;
  // Attention without stored scores (Dao et al. 2022): merged (B * T, H * width) = dropout(softmax(scale *
  // query key^T)) value; log_sum_exp (B * H * T, 1) of the scaled scores. The dropout draws the mask of a
  // (B * H * T, T') matrix and keeps none.
  virtual void flash_attention(const AttentionShape&, double scale, const DropoutDraw&, const HeadRows& query,
                               const HeadRows& key, const HeadRows& value, const Matrix& merged,
                               const Matrix& log_sum_exp) = 0;
  // All three gradients are written. `merged` and `log_sum_exp` are those of the forward pass.
  virtual void flash_attention_gradient(const AttentionShape&, double scale, const DropoutDraw&,
                                        const Matrix& gradient, const HeadRows& query, const HeadRows& key,
                                        const HeadRows& value, const Matrix& merged,
                                        const Matrix& log_sum_exp, const HeadRows& query_gradient,
                                        const HeadRows& key_gradient, const HeadRows& value_gradient) = 0;
  // (B * H * T, width) to (B * T, H * width), and back.
  virtual void merge_heads(const AttentionShape&, const Matrix& context, const Matrix& merged) = 0;
  virtual void split_heads(const AttentionShape&, const Matrix& merged, const Matrix& context) = 0;

  // In place on rows of `heads` heads of `width`: pairs (i, i + width / 2) turn by position * base^(-2 i /
  // width) (Su et al. 2021, in the half-split order of LLaMA's published weights). inverse: turns back.
  virtual void rotary(const RowMap&, int64_t heads, int64_t width, double base, bool inverse,
                      const Matrix& rows) = 0;

  // y = (x - mean) / sqrt(var + epsilon) * gain + shift per row; without shift: RMSNorm, mean = 0. gain and
  // shift are (1, columns), shift.data may be null. statistics (rows, 2): mean and inverse deviation.
  virtual void norm(const Matrix& x, const Matrix& gain, const Matrix& shift, double epsilon, const Matrix& y,
                    const Matrix& statistics) = 0;
  // x_gradient is written; gain_gradient and shift_gradient (null without shift) +=.
  virtual void norm_gradient(const Matrix& gradient, const Matrix& x, const Matrix& statistics,
                             const Matrix& gain, const Matrix& x_gradient, const Matrix& gain_gradient,
                             const Matrix& shift_gradient) = 0;

  virtual void bias_add(const Matrix& bias, const Matrix& x) = 0;                       // x += bias per row
  virtual void bias_gradient(const Matrix& gradient, const Matrix& bias_gradient) = 0;  // += column sums
  // y = gelu(x + bias), tanh form (Hendrycks and Gimpel 2016); bias.data may be null.
  virtual void gelu(const Matrix& x, const Matrix& bias, const Matrix& y) = 0;
  virtual void gelu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& bias,
                             const Matrix& x_gradient) = 0;
  // x (rows, 2 F) = [gate | up]; y (rows, F) = silu(gate) * up (Shazeer 2020).
  virtual void swiglu(const Matrix& x, const Matrix& y) = 0;
  virtual void swiglu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& x_gradient) = 0;
  virtual void tanh(const Matrix& bias, const Matrix& x) = 0;               // in place: x = tanh(x + bias)
  virtual void tanh_gradient(const Matrix& y, const Matrix& gradient) = 0;  // in place

  // out = dropout(in); mask: one byte per element, 1 = kept. in and out may be the same.
  virtual void dropout(const DropoutDraw&, const Matrix& in, const Matrix& out, uint8_t* mask) = 0;
  virtual void dropout_gradient(double probability, const uint8_t* mask, const Matrix& gradient,
                                const Matrix& in_gradient) = 0;
  // out = residual + dropout(in + bias). bias.data may be null; mask null: no dropout.
  virtual void bias_dropout_add(const DropoutDraw&, const Matrix& in, const Matrix& bias,
                                const Matrix& residual, const Matrix& out, uint8_t* mask) = 0;
  virtual void add(const Matrix& a, const Matrix& b, const Matrix& sum) = 0;  // sum may be a or b
  virtual void copy(const Matrix& from, const Matrix& to) = 0;
  virtual void fill(double value, const Matrix& x) = 0;

  // out row r = table row tokens[r] - first, or zeros when that lies outside the table (another rank's).
  virtual void embedding(const int64_t* tokens, int64_t first, const Matrix& table, const Matrix& out) = 0;
  virtual void embedding_gradient(const int64_t* tokens, int64_t first, const Matrix& gradient,
                                  const Matrix& table_gradient) = 0;  // +=
  // x row r += table row position(r) / tokens_per_row: position embeddings (1) and segments.
  virtual void position_embedding(const RowMap&, int64_t tokens_per_row, const Matrix& table,
                                  const Matrix& x) = 0;
  virtual void position_embedding_gradient(const RowMap&, int64_t tokens_per_row, const Matrix& gradient,
                                           const Matrix& table_gradient) = 0;  // +=

  // Cross entropy over logits whose columns are a rank's part of the vocabulary, the first being `first`;
  // only the columns below `vocab - first` count, the rest is padding. maximum, sum, target: (rows, 1).
  virtual void loss_maximum(const Matrix& logits, int64_t first, int64_t vocab, const Matrix& maximum) = 0;
  // sum of exp(logit - maximum), and the target's logit - maximum (0 where another rank holds it).
  virtual void loss_sum(const Matrix& logits, int64_t first, int64_t vocab, const int64_t* targets,
                        const Matrix& maximum, const Matrix& sum, const Matrix& target) = 0;
  // *total += scale * sum over rows with a target >= 0 of log(sum) - target; `total` lies in device memory.
  virtual void cross_entropy(const int64_t* targets, double scale, const Matrix& sum, const Matrix& target,
                             double* total) = 0;
  // In place: logits to scale * (softmax - one hot); zero for padding and for rows with target < 0.
  virtual void cross_entropy_gradient(int64_t first, int64_t vocab, const int64_t* targets, double scale,
                                      const Matrix& maximum, const Matrix& sum, const Matrix& logits) = 0;

  // *total += sum of the squares of all elements of matrices in the accumulation type; `total` lies in device
  // memory.
  virtual void square_sum(std::span<const Matrix> matrices, double* total) = 0;
  // One AdamW update of all tensors; gradients are zeroed behind it.
  virtual void adam(const AdamStep&, std::span<const AdamTensor> tensors) = 0;
};

}  // namespace paraplan
