#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <new>

#include "kernels/accelerator.h"
#include "tests/executor/small_device.h"

namespace paraplan {

// What a made-up device is like.
struct FakeDevice {
  double memory_bytes = 64e9;
  double cache_bytes = 50e6;
  double bytes_per_s = 1e12;
  double flop_per_s = 1e14;
  double kernel_s = 2e-6;
  int64_t tile_rows = 128;  // rows of a product are rounded up to these
  bool has_fp16 = false;
};

// Computes nothing in memory that is not there, and adds up what its calls would take.
class FakeBackend : public SmallDevice {
 public:
  FakeBackend(const FakeDevice& device, ElementType type, double& used, double& queue)
      : SmallDevice(0), device_(device), type_(type), used_bytes_(used), queue_s_(queue) {}

  ElementType element_type() const override { return type_; }
  void* allocate(size_t bytes) override {
    if (used_bytes_ + static_cast<double>(bytes) > device_.memory_bytes) throw std::bad_alloc();
    used_bytes_ += static_cast<double>(bytes);
    char* data = next_;
    next_ += (bytes / 256 + 1) * 256;
    blocks_[data] = bytes;
    return data;
  }
  void release(void* data) override {
    used_bytes_ -= static_cast<double>(blocks_.at(data));
    blocks_.erase(data);
  }

  void gemm(const Gemm& g) override {
    const int64_t m = g.c.rows, n = g.c.columns, k = g.transpose_a ? g.a.rows : g.a.columns;
    const auto rows =
        static_cast<double>((m + device_.tile_rows - 1) / device_.tile_rows * device_.tile_rows);
    take(2 * rows * static_cast<double>(n) * static_cast<double>(k) / device_.flop_per_s);
  }
  void attention_scores(const AttentionShape& s, const HeadRows&, const HeadRows&, const Matrix&) override {
    products(s, 1);
  }
  void attention_scores_query_gradient(const AttentionShape& s, const Matrix&, const HeadRows&,
                                       const HeadRows&) override {
    products(s, 1);
  }
  void attention_scores_key_gradient(const AttentionShape& s, const Matrix&, const HeadRows&,
                                     const HeadRows&) override {
    products(s, 1);
  }
  void attention_context(const AttentionShape& s, const Matrix&, const HeadRows&, const Matrix&) override {
    products(s, 1);
  }
  void attention_context_probabilities_gradient(const AttentionShape& s, const Matrix&, const HeadRows&,
                                                const Matrix&) override {
    products(s, 1);
  }
  void attention_context_value_gradient(const AttentionShape& s, const Matrix&, const Matrix&,
                                        const HeadRows&) override {
    products(s, 1);
  }
  void flash_attention(const AttentionShape& s, double, const DropoutDraw&, const HeadRows&, const HeadRows&,
                       const HeadRows&, const Matrix&, const Matrix&) override {
    products(s, 2);
  }
  void flash_attention_gradient(const AttentionShape& s, double, const DropoutDraw&, const Matrix&,
                                const HeadRows&, const HeadRows&, const HeadRows&, const Matrix&,
                                const Matrix&, const HeadRows&, const HeadRows&, const HeadRows&) override {
    products(s, 5);
  }
  void softmax(const AttentionShape&, double, const Matrix& m) override { move(m, 2); }
  void softmax_gradient(const AttentionShape&, double, const Matrix&, const Matrix& m) override {
    move(m, 3);
  }
  void merge_heads(const AttentionShape&, const Matrix& m, const Matrix&) override { move(m, 2); }
  void split_heads(const AttentionShape&, const Matrix& m, const Matrix&) override { move(m, 2); }
  void rotary(const RowMap&, int64_t, int64_t, double, bool, const Matrix& m) override { move(m, 2); }
  void norm(const Matrix& x, const Matrix&, const Matrix&, double, const Matrix&, const Matrix&) override {
    move(x, 2);
  }
  void norm_gradient(const Matrix& g, const Matrix&, const Matrix&, const Matrix&, const Matrix&,
                     const Matrix&, const Matrix&) override {
    move(g, 5);
  }
  void bias_add(const Matrix&, const Matrix& x) override { move(x, 2); }
  void bias_gradient(const Matrix& g, const Matrix&) override { move(g, 1); }
  void gelu(const Matrix& x, const Matrix&, const Matrix&) override { move(x, 2); }
  void gelu_gradient(const Matrix& g, const Matrix&, const Matrix&, const Matrix&) override { move(g, 3); }
  void swiglu(const Matrix& x, const Matrix&) override { move(x, 1.5); }
  void swiglu_gradient(const Matrix& g, const Matrix&, const Matrix&) override { move(g, 5); }
  void tanh(const Matrix&, const Matrix& x) override { move(x, 2); }
  void tanh_gradient(const Matrix&, const Matrix& g) override { move(g, 3); }
  void dropout(const DropoutDraw&, const Matrix& in, const Matrix&, uint8_t*) override { move(in, 2.5); }
  void dropout_gradient(double, const uint8_t*, const Matrix& g, const Matrix&) override { move(g, 2.5); }
  void bias_dropout_add(const DropoutDraw&, const Matrix& in, const Matrix&, const Matrix&, const Matrix&,
                        uint8_t*) override {
    move(in, 3.5);
  }
  void add(const Matrix& a, const Matrix&, const Matrix&) override { move(a, 3); }
  void copy(const Matrix& a, const Matrix&) override { move(a, 2); }
  void fill(double, const Matrix& x) override { move(x, 1); }
  void embedding(const int64_t*, int64_t, const Matrix&, const Matrix& out) override { move(out, 2); }
  void embedding_gradient(const int64_t*, int64_t, const Matrix& g, const Matrix&) override { move(g, 3); }
  void position_embedding(const RowMap&, int64_t, const Matrix&, const Matrix& x) override { move(x, 3); }
  void position_embedding_gradient(const RowMap&, int64_t, const Matrix& g, const Matrix&) override {
    move(g, 3);
  }
  void loss_maximum(const Matrix& logits, int64_t, int64_t, const Matrix&) override { move(logits, 1); }
  void loss_sum(const Matrix& logits, int64_t, int64_t, const int64_t*, const Matrix&, const Matrix&,
                const Matrix&) override {
    move(logits, 1);
  }
  void cross_entropy(const int64_t*, double, const Matrix& sum, const Matrix&, double*) override {
    move(sum, 2);
  }
  void cross_entropy_gradient(int64_t, int64_t, const int64_t*, double, const Matrix&, const Matrix&,
                              const Matrix& logits) override {
    move(logits, 2);
  }
  void square_sum(std::span<const Matrix> matrices, double*) override {
    double bytes = 0;
    for (const Matrix& m : matrices) bytes += 4 * static_cast<double>(m.elements());
    take(bytes / device_.bytes_per_s);
  }
  void adam(const AdamStep&, std::span<const AdamTensor> tensors) override {
    double bytes = 0;
    for (const AdamTensor& t : tensors)
      bytes += (t.master.data != nullptr ? 34 : 32) * static_cast<double>(t.gradient.elements());
    take(bytes / device_.bytes_per_s);
  }

 private:
  void take(double seconds) { queue_s_ += device_.kernel_s + seconds; }
  void move(const Matrix& m, double passes) {
    take(passes * static_cast<double>(m.elements() * size_of(type_)) / device_.bytes_per_s);
  }
  void products(const AttentionShape& s, double count) {
    take(count * 2 * static_cast<double>(s.rows()) * static_cast<double>(s.keys * s.width) /
         device_.flop_per_s);
  }

  const FakeDevice& device_;
  ElementType type_;
  double &used_bytes_, &queue_s_;
  char* next_ = reinterpret_cast<char*>(0x10000);  // nobody looks behind it
  std::map<void*, size_t> blocks_;
};

// A device whose clock is the sum of what its calls would take.
class FakeAccelerator : public Accelerator {
 public:
  explicit FakeAccelerator(const FakeDevice& device) : device_(device) {}

  AcceleratorInfo info() const override {
    return {.name = "NVIDIA Z100",
            .driver = "1.2",
            .libraries = "CUDA 13.0",
            .memory_bytes = device_.memory_bytes,
            .cache_bytes = device_.cache_bytes,
            .clock_hz = 1.5e9,
            .memory_clock_hz = 2.5e9,
            .processors = 100};
  }
  std::unique_ptr<Backend> make_backend(ElementType type) override {
    if (type == ElementType::fp16 && !device_.has_fp16) throw DeviceError("no fp16");
    return std::make_unique<FakeBackend>(device_, type, used_bytes_, queue_s_);
  }
  double free_memory_bytes() const override { return device_.memory_bytes - used_bytes_; }
  double fixed_memory_bytes() const override { return 5e8; }
  std::optional<int64_t> other_processes() const override { return others; }
  double queued_seconds(const std::function<void()>& work) override {
    const double before = queue_s_;
    work();
    return queue_s_ - before;
  }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    ++recordings;
    const double seconds = queued_seconds(work);
    return std::make_unique<FakeRecording>(seconds);
  }
  double launch_seconds() override { return 3e-6; }
  double copy_seconds(CopyDirection direction, size_t bytes) override {
    return 1e-5 + static_cast<double>(bytes) / (direction == CopyDirection::host_to_device ? 5e10 : 4e10);
  }

  double used_bytes() const { return used_bytes_; }
  int recordings = 0;
  std::optional<int64_t> others;

 private:
  class FakeRecording : public Recording {
   public:
    explicit FakeRecording(double seconds) : seconds_(seconds) {}
    double seconds() override { return seconds_; }
    double host_seconds() override { return 1e-3; }

   private:
    double seconds_;
  };

  FakeDevice device_;
  double used_bytes_ = 0, queue_s_ = 0;
};

}  // namespace paraplan
