#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "kernels/cuda/capability.h"
#include "kernels/cuda/cuda_accelerator.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/device_info.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/nvml.h"
#include "kernels/cuda/stream.h"

namespace paraplan {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

__global__ void do_nothing() {}

__global__ void spend_cycles(int64_t cycles) {
  const int64_t start = clock64();
  while (clock64() - start < cycles) continue;
}

// Keeps the device busy for so long that the host has queued what is to be timed before it begins.
void hold_back(QueueHandle queue, double clock_hz, double seconds) {
  launch("waiting", spend_cycles, {.threads = kWarp}, queue, static_cast<int64_t>(seconds * clock_hz));
}
constexpr double kFewLaunchesS = 50e-6;

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

// Kernels of another capability are found missing when the first is looked at.
void check_kernels() {
  cudaFuncAttributes attributes = {};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, do_nothing);
  if (status != cudaErrorNoKernelImageForDevice && status != cudaErrorInvalidDeviceFunction)
    return check_cuda(status, "looking for this build's kernels");
  std::string built_for;
  for (const int architecture : {__CUDA_ARCH_LIST__})
    built_for += (built_for.empty() ? "" : ", ") + capability_text(architecture / 10);
  const int capability = compute_capability();
  throw DeviceError("this build has no kernels for the " + device_name() + ", of compute capability " +
                    capability_text(capability) + ", only for " + built_for +
                    "; configure it with -DCMAKE_CUDA_ARCHITECTURES=" + std::to_string(capability));
}

void check_device() {
  check_driver();
  check_kernels();
}

// Memory of the host that the device copies from and to by itself.
class PageLockedMemory {
 public:
  explicit PageLockedMemory(size_t bytes) {
    void* data = nullptr;
    check_cuda(cudaMallocHost(&data, bytes), "allocating page-locked memory");
    data_.reset(data);
  }
  void* data() const { return data_.get(); }

 private:
  struct Release {
    void operator()(void* data) const noexcept { cudaFreeHost(data); }
  };
  std::unique_ptr<void, Release> data_;
};

class CudaRecording final : public Accelerator::Recording {
 public:
  CudaRecording(QueueHandle queue, double clock_hz, const std::function<void()>& work)
      : queue_(queue), clock_hz_(clock_hz), graph_(queue, work) {}
  ~CudaRecording() override { cudaStreamSynchronize(queue_); }  // what fails is told by the next call

  double seconds() override {
    hold_back(queue_, clock_hz_, std::max(kFewLaunchesS, 2 * issue_s_));
    start_.record(queue_);
    const Clock::time_point start = Clock::now();
    graph_.launch(queue_);
    issue_s_ = seconds_since(start);
    end_.record(queue_);
    return end_.seconds_since(start_);
  }

  double host_seconds() override {
    synchronize_queue(queue_);
    const Clock::time_point start = Clock::now();
    graph_.launch(queue_);
    const double seconds = seconds_since(start);
    synchronize_queue(queue_);
    return seconds;
  }

 private:
  QueueHandle queue_;
  double clock_hz_;
  double issue_s_ = 0;  // that the host took for the last replay
  Graph graph_;
  Event start_, end_;
};

class CudaAccelerator final : public Accelerator {
 public:
  CudaAccelerator() : nvml_(device_bus_id()), info_(read_device_info(nvml_)), fixed_(measure_fixed()) {}

  AcceleratorInfo info() const override { return info_; }
  std::unique_ptr<Backend> make_backend(ElementType type) override;
  double free_memory_bytes() const override { return read_device_memory().free_bytes; }
  double fixed_memory_bytes() const override { return fixed_; }
  std::optional<int64_t> other_processes() const override { return nvml_.other_processes(); }
  double queued_seconds(const std::function<void()>& work) override;
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  double launch_seconds() override;
  double copy_seconds(CopyDirection direction, size_t bytes) override;

 private:
  double measure_fixed();

  Stream stream_;
  Nvml nvml_;
  AcceleratorInfo info_;
  double fixed_;
  Event start_, end_;
};

// Libraries load their kernels when they are first used.
void load_libraries(Backend& backend) {
  constexpr int64_t kTokens = 128, kWidth = 64;
  const auto bytes = static_cast<size_t>(kTokens * kWidth * size_of(backend.element_type()));
  const DeviceMemory query(bytes), key(bytes), value(bytes), merged(bytes), gradient(bytes);
  const DeviceMemory sums(kTokens * sizeof(float)), square(kTokens * kTokens * sizeof(float));
  const auto rows = [](const DeviceMemory& m) { return Matrix{m.data(), kTokens, kWidth, kWidth}; };
  const auto heads = [](const DeviceMemory& m) { return HeadRows{m.data(), kWidth, kTokens}; };
  for (const DeviceMemory* operand : {&query, &key, &value, &gradient}) backend.fill(1, rows(*operand));
  backend.gemm({.a = rows(query),
                .b = rows(key),
                .transpose_b = true,
                .c = {square.data(), kTokens, kTokens, kTokens}});
  const AttentionShape shape{.queries = kTokens, .keys = kTokens, .width = kWidth};
  const Matrix log_sum_exp{sums.data(), kTokens, 1, 1};
  backend.flash_attention(shape, 1, {}, heads(query), heads(key), heads(value), rows(merged), log_sum_exp);
  backend.flash_attention_gradient(shape, 1, {}, rows(gradient), heads(query), heads(key), heads(value),
                                   rows(merged), log_sum_exp, heads(query), heads(key), heads(value));
  backend.synchronize();
}

// Of this process where the driver tells, else of all that use the device.
double CudaAccelerator::measure_fixed() {
  const ElementType type =
      compute_capability() >= kMatrixUnitCapability ? ElementType::fp16 : ElementType::fp32;
  const std::unique_ptr<Backend> backend = make_backend(type);
  load_libraries(*backend);
  const DeviceMemoryInfo memory = read_device_memory();
  const double used = nvml_.process_memory_bytes().value_or(memory.total_bytes - memory.free_bytes);
  return used - static_cast<double>(backend->workspace_bytes());
}

std::unique_ptr<Backend> CudaAccelerator::make_backend(ElementType type) {
  const QueueHandle queue = stream_.handle();
  switch (type) {
    case ElementType::fp16:
      return std::make_unique<CudaBackend<Half>>(queue);
    case ElementType::bf16:
      if (const int capability = compute_capability(); capability < kMatrixUnitCapability)
        throw DeviceError("bf16 needs compute capability 8.0 or higher; the " + info_.name + " has " +
                          capability_text(capability));
      return std::make_unique<CudaBackend<Bfloat16>>(queue);
    case ElementType::fp32:
      return std::make_unique<CudaBackend<float>>(queue);
    case ElementType::fp64:
      break;
  }
  throw DeviceError("the CUDA backend computes in fp16, bf16 and fp32, not in fp64");
}

double CudaAccelerator::queued_seconds(const std::function<void()>& work) {
  start_.record(stream_.handle());
  work();
  end_.record(stream_.handle());
  return end_.seconds_since(start_);
}

std::unique_ptr<Accelerator::Recording> CudaAccelerator::record(const std::function<void()>& work) {
  work();  // plans are made, algorithms chosen, code loaded
  synchronize_queue(stream_.handle());
  return std::make_unique<CudaRecording>(stream_.handle(), info_.clock_hz, work);
}

// In batches that the queue has room for, so that no launch waits for the device.
double CudaAccelerator::launch_seconds() {
  constexpr int kLaunches = 200, kBatches = 21;
  std::array<double, kBatches> times = {};
  for (double& time : times) {
    synchronize_queue(stream_.handle());
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < kLaunches; ++i) launch("nothing", do_nothing, {.threads = kWarp}, stream_.handle());
    time = seconds_since(start) / kLaunches;
  }
  synchronize_queue(stream_.handle());
  std::nth_element(times.begin(), times.begin() + kBatches / 2, times.end());
  return times[kBatches / 2];
}

double CudaAccelerator::copy_seconds(CopyDirection direction, size_t bytes) {
  const PageLockedMemory host(bytes);
  const DeviceMemory device(bytes);
  const QueueHandle queue = stream_.handle();
  const bool to_device = direction == CopyDirection::host_to_device;
  hold_back(queue, info_.clock_hz, kFewLaunchesS);
  start_.record(queue);
  check_cuda(cudaMemcpyAsync(to_device ? device.data() : host.data(), to_device ? host.data() : device.data(),
                             bytes, to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, queue),
             "copying between host and device");
  end_.record(queue);
  return end_.seconds_since(start_);
}

}  // namespace

std::unique_ptr<Accelerator> make_cuda_accelerator() {
  check_device();
  return std::make_unique<CudaAccelerator>();
}

}  // namespace paraplan
