#pragma once

#include <cstring>
#include <new>

#include "kernels/backend.h"

namespace paraplan {

// The backend on the calling thread's core. It holds no state: every rank of a process may have its own. The
// members are defined by theme in the .cpp files of this folder, each of which instantiates its own for float
// and double.
template <typename Real>
class CpuBackend final : public Backend {
 public:
  std::string name() const override { return "cpu"; }
  ElementType element_type() const override {
    return sizeof(Real) == sizeof(double) ? ElementType::fp64 : ElementType::fp32;
  }

  void* allocate(size_t bytes) override { return ::operator new(bytes, kAlignment); }
  void release(void* data) override { ::operator delete(data, kAlignment); }
  // Attention without stored scores keeps a few rows of them on the heap while it runs; nothing else needs
  // more.
  size_t workspace_bytes() const override { return 0; }
  void synchronize() override {}
  void upload(const void* host, size_t bytes, void* device) override { std::memcpy(device, host, bytes); }
  void download(const void* device, size_t bytes, void* host) override { std::memcpy(host, device, bytes); }

  void gemm(const Gemm& product) override;
  void attention_scores(const AttentionShape&, const HeadRows& query, const HeadRows& key,
                        const Matrix& scores) override;
  void attention_scores_query_gradient(const AttentionShape&, const Matrix& gradient, const HeadRows& key,
                                       const HeadRows& query_gradient) override;
  void attention_scores_key_gradient(const AttentionShape&, const Matrix& gradient, const HeadRows& query,
                                     const HeadRows& key_gradient) override;
  void softmax(const AttentionShape&, double scale, const Matrix& scores) override;
  void softmax_gradient(const AttentionShape&, double scale, const Matrix& probabilities,
                        const Matrix& gradient) override;
  void attention_context(const AttentionShape&, const Matrix& probabilities, const HeadRows& value,
                         const Matrix& context) override;
  void attention_context_probabilities_gradient(const AttentionShape&, const Matrix& gradient,
                                                const HeadRows& value,
                                                const Matrix& probabilities_gradient) override;
  void attention_context_value_gradient(const AttentionShape&, const Matrix& probabilities,
                                        const Matrix& gradient, const HeadRows& value_gradient) override;
  void flash_attention(const AttentionShape&, double scale, const DropoutDraw&, const HeadRows& query,
                       const HeadRows& key, const HeadRows& value, const Matrix& merged,
                       const Matrix& log_sum_exp) override;
  void flash_attention_gradient(const AttentionShape&, double scale, const DropoutDraw&,
                                const Matrix& gradient, const HeadRows& query, const HeadRows& key,
                                const HeadRows& value, const Matrix& merged, const Matrix& log_sum_exp,
                                const HeadRows& query_gradient, const HeadRows& key_gradient,
                                const HeadRows& value_gradient) override;
  void merge_heads(const AttentionShape&, const Matrix& context, const Matrix& merged) override;
  void split_heads(const AttentionShape&, const Matrix& merged, const Matrix& context) override;
  void rotary(const RowMap&, int64_t heads, int64_t width, double base, bool inverse,
              const Matrix& rows) override;
  void norm(const Matrix& x, const Matrix& gain, const Matrix& shift, double epsilon, const Matrix& y,
            const Matrix& statistics) override;
  void norm_gradient(const Matrix& gradient, const Matrix& x, const Matrix& statistics, const Matrix& gain,
                     const Matrix& x_gradient, const Matrix& gain_gradient,
                     const Matrix& shift_gradient) override;
  void bias_add(const Matrix& bias, const Matrix& x) override;
  void bias_gradient(const Matrix& gradient, const Matrix& bias_gradient) override;
  void gelu(const Matrix& x, const Matrix& bias, const Matrix& y) override;
  void gelu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& bias,
                     const Matrix& x_gradient) override;
  void swiglu(const Matrix& x, const Matrix& y) override;
  void swiglu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& x_gradient) override;
  void tanh(const Matrix& bias, const Matrix& x) override;
  void tanh_gradient(const Matrix& y, const Matrix& gradient) override;
  void dropout(const DropoutDraw&, const Matrix& in, const Matrix& out, uint8_t* mask) override;
  void dropout_gradient(double probability, const uint8_t* mask, const Matrix& gradient,
                        const Matrix& in_gradient) override;
  void bias_dropout_add(const DropoutDraw&, const Matrix& in, const Matrix& bias, const Matrix& residual,
                        const Matrix& out, uint8_t* mask) override;
  void add(const Matrix& a, const Matrix& b, const Matrix& sum) override;
  void copy(const Matrix& from, const Matrix& to) override;
  void fill(double value, const Matrix& x) override;
  void embedding(const int64_t* tokens, int64_t first, const Matrix& table, const Matrix& out) override;
  void embedding_gradient(const int64_t* tokens, int64_t first, const Matrix& gradient,
                          const Matrix& table_gradient) override;
  void position_embedding(const RowMap&, int64_t tokens_per_row, const Matrix& table,
                          const Matrix& x) override;
  void position_embedding_gradient(const RowMap&, int64_t tokens_per_row, const Matrix& gradient,
                                   const Matrix& table_gradient) override;
  void loss_maximum(const Matrix& logits, int64_t first, int64_t vocab, const Matrix& maximum) override;
  void loss_sum(const Matrix& logits, int64_t first, int64_t vocab, const int64_t* targets,
                const Matrix& maximum, const Matrix& sum, const Matrix& target) override;
  void cross_entropy(const int64_t* targets, double scale, const Matrix& sum, const Matrix& target,
                     double* total) override;
  void cross_entropy_gradient(int64_t first, int64_t vocab, const int64_t* targets, double scale,
                              const Matrix& maximum, const Matrix& sum, const Matrix& logits) override;
  void square_sum(std::span<const Matrix> matrices, double* total) override;
  void adam(const AdamStep&, std::span<const AdamTensor> tensors) override;

 private:
  static constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector
};

}  // namespace paraplan
