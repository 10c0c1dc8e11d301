#pragma once

#include <map>
#include <new>
#include <string>

#include "kernels/backend.h"

namespace paraplan {

// A device with `capacity` bytes of memory that keeps count of them. It cannot compute.
class SmallDevice : public Backend {
 public:
  explicit SmallDevice(size_t capacity) : capacity_(capacity) {}

  size_t used() const { return used_; }
  int allocations() const { return allocations_; }

  std::string name() const override { return "small"; }
  ElementType element_type() const override { return ElementType::fp32; }
  void* allocate(size_t bytes) override {
    if (bytes > capacity_ - used_) throw std::bad_alloc();
    void* data = ::operator new(bytes);
    sizes_[data] = bytes;
    used_ += bytes;
    ++allocations_;
    return data;
  }
  void release(void* data) override {
    used_ -= sizes_.at(data);
    sizes_.erase(data);
    ::operator delete(data);
  }
  size_t workspace_bytes() const override { return 0; }
  void synchronize() override {}
  void upload(const void*, size_t, void*) override {}
  void download(const void*, size_t, void*) override {}

  void gemm(const Gemm&) override {}
  void attention_scores(const AttentionShape&, const HeadRows&, const HeadRows&, const Matrix&) override {}
  void attention_scores_query_gradient(const AttentionShape&, const Matrix&, const HeadRows&,
                                       const HeadRows&) override {}
  void attention_scores_key_gradient(const AttentionShape&, const Matrix&, const HeadRows&,
                                     const HeadRows&) override {}
  void softmax(const AttentionShape&, double, const Matrix&) override {}
  void softmax_gradient(const AttentionShape&, double, const Matrix&, const Matrix&) override {}
  void attention_context(const AttentionShape&, const Matrix&, const HeadRows&, const Matrix&) override {}
  void attention_context_probabilities_gradient(const AttentionShape&, const Matrix&, const HeadRows&,
                                                const Matrix&) override {}
  void attention_context_value_gradient(const AttentionShape&, const Matrix&, const Matrix&,
                                        const HeadRows&) override {}
  void flash_attention(const AttentionShape&, double, const DropoutDraw&, const HeadRows&, const HeadRows&,
                       const HeadRows&, const Matrix&, const Matrix&) override {}
  void flash_attention_gradient(const AttentionShape&, double, const DropoutDraw&, const Matrix&,
                                const HeadRows&, const HeadRows&, const HeadRows&, const Matrix&,
                                const Matrix&, const HeadRows&, const HeadRows&, const HeadRows&) override {}
  void merge_heads(const AttentionShape&, const Matrix&, const Matrix&) override {}
  void split_heads(const AttentionShape&, const Matrix&, const Matrix&) override {}
  void rotary(const RowMap&, int64_t, int64_t, double, bool, const Matrix&) override {}
  void norm(const Matrix&, const Matrix&, const Matrix&, double, const Matrix&, const Matrix&) override {}
  void norm_gradient(const Matrix&, const Matrix&, const Matrix&, const Matrix&, const Matrix&, const Matrix&,
                     const Matrix&) override {}
  void bias_add(const Matrix&, const Matrix&) override {}
  void bias_gradient(const Matrix&, const Matrix&) override {}
  void gelu(const Matrix&, const Matrix&, const Matrix&) override {}
  void gelu_gradient(const Matrix&, const Matrix&, const Matrix&, const Matrix&) override {}
  void swiglu(const Matrix&, const Matrix&) override {}
  void swiglu_gradient(const Matrix&, const Matrix&, const Matrix&) override {}
  void tanh(const Matrix&, const Matrix&) override {}
  void tanh_gradient(const Matrix&, const Matrix&) override {}
  void dropout(const DropoutDraw&, const Matrix&, const Matrix&, uint8_t*) override {}
  void dropout_gradient(double, const uint8_t*, const Matrix&, const Matrix&) override {}
  void bias_dropout_add(const DropoutDraw&, const Matrix&, const Matrix&, const Matrix&, const Matrix&,
                        uint8_t*) override {}
  void add(const Matrix&, const Matrix&, const Matrix&) override {}
  void copy(const Matrix&, const Matrix&) override {}
  void fill(double, const Matrix&) override {}
  void embedding(const int64_t*, int64_t, const Matrix&, const Matrix&) override {}
  void embedding_gradient(const int64_t*, int64_t, const Matrix&, const Matrix&) override {}
  void position_embedding(const RowMap&, int64_t, const Matrix&, const Matrix&) override {}
  void position_embedding_gradient(const RowMap&, int64_t, const Matrix&, const Matrix&) override {}
  void loss_maximum(const Matrix&, int64_t, int64_t, const Matrix&) override {}
  void loss_sum(const Matrix&, int64_t, int64_t, const int64_t*, const Matrix&, const Matrix&,
                const Matrix&) override {}
  void cross_entropy(const int64_t*, double, const Matrix&, const Matrix&, double*) override {}
  void cross_entropy_gradient(int64_t, int64_t, const int64_t*, double, const Matrix&, const Matrix&,
                              const Matrix&) override {}
  void square_sum(std::span<const Matrix>, double*) override {}
  void adam(const AdamStep&, std::span<const AdamTensor>) override {}

 private:
  size_t capacity_, used_ = 0;
  int allocations_ = 0;
  std::map<void*, size_t> sizes_;
};

}  // namespace paraplan
