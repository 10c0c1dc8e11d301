#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/fused_attention.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/queue.h"

namespace paraplan {

// The backend on one CUDA stream, which the caller gives and outlives it; T: float, Half or Bfloat16 (float
// products round their factors to tf32). Everything is queued, nothing waits but upload and download. The
// members are defined by theme in the .cu files of this folder, each of which instantiates its own for the
// three types.
template <typename T>
class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(QueueHandle queue);

  std::string name() const override { return "cuda"; }
  ElementType element_type() const override;

  void* allocate(size_t bytes) override { return allocate_device(bytes); }
  void release(void* data) override { release_device(data); }
  size_t workspace_bytes() const override {
    return kProductBytes + kScratchBytes + fused_attention_.workspace_bytes();
  }
  void synchronize() override { synchronize_queue(queue_); }
  void upload(const void* host, size_t bytes, void* device) override {
    copy_to_device(host, bytes, device, queue_);
  }
  void download(const void* device, size_t bytes, void* host) override {
    copy_to_host(device, bytes, host, queue_);
  }

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
  static constexpr size_t kProductBytes = size_t{32} << 20;  // what cuBLASLt wants on Hopper
  static constexpr size_t kScratchBytes = size_t{32} << 20;  // partial sums of kernels, while they run

  float* scratch() const { return static_cast<float*>(scratch_.data()); }

  QueueHandle queue_;
  int64_t processors_;
  DeviceMemory product_workspace_, scratch_;
  MatrixProducts products_;
  FusedAttention fused_attention_;
};

}  // namespace paraplan
