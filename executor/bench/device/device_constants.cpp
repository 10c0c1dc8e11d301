#include "executor/bench/device/device_constants.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <optional>
#include <stdexcept>

#include "costmodel/prices/op_sample_key.h"

namespace paraplan {
namespace {

constexpr double kMemoryShare = 0.6;  // of what is free, for one measurement
constexpr int64_t kLargestTensor = int64_t{1} << 24;

// Numbers behind a matrix that a backend fills and copies in its own element type.
DeviceBuffer numbers(DeviceOpBench& bench, ElementType side, ElementType type, Content content,
                     int64_t count) {
  DeviceBuffer buffer(bench.backend(side), static_cast<size_t>(count * size_of(type)));
  bench.random(side).fill(content, type, buffer.data(), buffer.bytes());
  return buffer;
}

Matrix flat(const DeviceBuffer& buffer, int64_t count) {
  return {buffer.data(), 1, count, count};
}

double copy_rate(DeviceOpBench& bench, double bytes) {
  const auto count = static_cast<int64_t>(bytes) / size_of(ElementType::fp32);
  const DeviceBuffer from = numbers(bench, ElementType::fp32, ElementType::fp32, Content::values, count);
  const DeviceBuffer to = numbers(bench, ElementType::fp32, ElementType::fp32, Content::values, count);
  Backend& backend = bench.backend(ElementType::fp32);
  const auto copy = [&](int64_t) { backend.copy(flat(from, count), flat(to, count)); };
  const Measurement m = bench.time(1, copy, [] {});
  return 2 * static_cast<double>(from.bytes()) / m.seconds;
}

// Empty where the device does not have the precision.
std::optional<DeviceConstants::ProductRate> product_rate(DeviceOpBench& bench, Precision precision) {
  const ElementType type = element_type_of(precision);
  constexpr int64_t kLargest = 8192, kSmallest = 256;
  int64_t n = kLargest;
  const double free = kMemoryShare * bench.free_bytes();
  while (n > kSmallest && static_cast<double>(3 * n * n * size_of(type)) > free) n /= 2;
  try {
    const DeviceBuffer a = numbers(bench, type, type, Content::values, n * n);
    const DeviceBuffer b = numbers(bench, type, type, Content::values, n * n);
    const DeviceBuffer c = numbers(bench, type, type, Content::zeros, n * n);
    const auto square = [n](const DeviceBuffer& buffer) { return Matrix{buffer.data(), n, n, n}; };
    Backend& backend = bench.backend(type);
    const auto product = [&](int64_t) { backend.gemm({.a = square(a), .b = square(b), .c = square(c)}); };
    const auto size = static_cast<double>(n);
    return DeviceConstants::ProductRate{n, 2 * size * size * size / bench.time(1, product, [] {}).seconds};
  } catch (const DeviceError&) {
    return std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// The largest rate over a series of sizes.
double link_rate(Accelerator& accelerator, CopyDirection direction) {
  constexpr size_t kSmallest = size_t{1} << 20, kLargest = size_t{1} << 28;
  constexpr int kRepeats = 5;
  double best = 0;
  for (size_t bytes = kSmallest; bytes <= kLargest; bytes *= 4) {
    std::vector<double> seconds;
    for (int i = 0; i < kRepeats; ++i) seconds.push_back(accelerator.copy_seconds(direction, bytes));
    best = std::max(best, static_cast<double>(bytes) / summarize(seconds).seconds);
  }
  return best;
}

// Small kernels, one after the other, from a graph.
void measure_launches(DeviceOpBench& bench, DeviceConstants& constants) {
  constexpr int kKernels = 1000, kReplays = 20;
  const DeviceBuffer one = numbers(bench, ElementType::fp32, ElementType::fp32, Content::zeros, 1);
  Backend& backend = bench.backend(ElementType::fp32);
  const auto recording = bench.accelerator().record([&] {
    for (int i = 0; i < kKernels; ++i) backend.fill(1, flat(one, 1));
  });
  std::vector<double> device, host;
  for (int i = 0; i < kReplays; ++i) {
    device.push_back(recording->seconds() / kKernels);
    host.push_back(recording->host_seconds() / kKernels);
  }
  constants.kernel_floor_s = summarize(device).seconds;
  constants.graph_launch_s = summarize(host).seconds;
  constants.launch_s = bench.accelerator().launch_seconds();
}

bool holds(const std::vector<OpSample>& samples, const OpSample& sample) {
  return std::ranges::any_of(samples, [&](const OpSample& s) { return key_of(s) == key_of(sample); });
}

// Weights with their gradients and moments, in tensors of a layer's size.
class OptimizerState {
 public:
  OptimizerState(DeviceOpBench& bench, ElementType type, int64_t count)
      : backend_(bench.backend(type)), type_(type), sum_(backend_, sizeof(double)) {
    const ElementType wide = accumulation_type(type);
    const auto buffer = [&](ElementType of, Content content) {
      buffers_.push_back(numbers(bench, type, of, content, count));
      return buffers_.size() - 1;
    };
    const size_t weight = buffer(type, Content::values), gradient = buffer(wide, Content::values);
    const size_t first = buffer(wide, Content::values), second = buffer(wide, Content::positive);
    const size_t master = type == wide ? weight : buffer(wide, Content::values);
    for (int64_t done = 0; done < count; done += kLargestTensor) {
      const int64_t part = std::min(kLargestTensor, count - done);
      const auto matrix = [&](size_t i, ElementType of) {
        return Matrix{static_cast<char*>(buffers_[i].data()) + done * size_of(of), 1, part, part};
      };
      tensors_.push_back({.parameter = matrix(weight, type),
                          .gradient = matrix(gradient, wide),
                          .first_moment = matrix(first, wide),
                          .second_moment = matrix(second, wide)});
      if (type != wide) tensors_.back().master = matrix(master, wide);
      gradients_.push_back(tensors_.back().gradient);
    }
  }

  // Moments that hardly decay: numbers near zero would draw less power than those of training.
  void adam() { backend_.adam({.learning_rate = 1e-6, .beta1 = 0.99999, .beta2 = 0.99999}, tensors_); }
  void norm() { backend_.square_sum(gradients_, static_cast<double*>(sum_.data())); }

  static double bytes_per_parameter(ElementType type) {
    const ElementType wide = accumulation_type(type);
    return static_cast<double>(4 * size_of(wide) + (type == wide ? 0 : size_of(type)));
  }

 private:
  Backend& backend_;
  ElementType type_;
  DeviceBuffer sum_;
  std::vector<DeviceBuffer> buffers_;
  std::vector<AdamTensor> tensors_;
  std::vector<Matrix> gradients_;
};

}  // namespace

DeviceConstants measure_constants(DeviceOpBench& bench) {
  constexpr double kCopied = 512.0 * 1024 * 1024;
  Accelerator& accelerator = bench.accelerator();
  DeviceConstants constants;
  constants.info = accelerator.info();
  constants.fixed_bytes = accelerator.fixed_memory_bytes();
  constants.copied_bytes = std::min(kCopied, bench.free_bytes() / 4);
  constants.copy_bytes_per_s = copy_rate(bench, constants.copied_bytes);
  for (const Precision precision : {Precision::bf16, Precision::fp16, Precision::fp32})
    if (const auto rate = product_rate(bench, precision)) constants.products[precision] = *rate;
  measure_launches(bench, constants);
  constants.to_device_bytes_per_s = link_rate(accelerator, CopyDirection::host_to_device);
  constants.to_host_bytes_per_s = link_rate(accelerator, CopyDirection::device_to_host);
  return constants;
}

std::vector<OpSample> measure_device_optimizer(DeviceOpBench& bench, Precision precision, double parameters,
                                               const std::vector<OpSample>& known,
                                               const std::function<bool()>& go_on) {
  constexpr int64_t kSmallest = int64_t{1} << 14, kLargest = int64_t{1} << 28, kStep = 8;
  const ElementType type = element_type_of(precision);
  const ElementType wide = accumulation_type(type);
  const double cache = bench.accelerator().info().cache_bytes;
  const double state = OptimizerState::bytes_per_parameter(type);
  std::vector<OpSample> samples;
  for (int64_t n = kSmallest; n <= kLargest; n *= kStep) {
    const auto count = static_cast<double>(n);
    if (n > kSmallest && count > kStep * parameters) break;
    const OpSample norm{.precision = precision,
                        .kind = OpKind::gradient_norm,
                        .bytes = count * static_cast<double>(size_of(wide))};
    const OpSample adam{.precision = precision,
                        .kind = OpKind::adam,
                        .bytes = count * (static_cast<double>(8 * size_of(wide)) +
                                          (type == wide ? 0 : static_cast<double>(size_of(type))))};
    if (holds(known, norm) && holds(known, adam)) continue;
    if (!go_on()) break;
    const int64_t sets = rotated_sets(count * state, cache);
    if (static_cast<double>(sets) * count * state > kMemoryShare * bench.free_bytes()) break;
    std::vector<std::unique_ptr<OptimizerState>> states;
    for (int64_t i = 0; i < sets; ++i) states.push_back(std::make_unique<OptimizerState>(bench, type, n));
    const auto add = [&](OpSample sample, void (OptimizerState::*work)()) {
      const Measurement m = bench.time(
          sets, [&](int64_t set) { (*states[static_cast<size_t>(set)].*work)(); }, [] {});
      sample.seconds = m.seconds, sample.noise = m.noise;
      samples.push_back(sample);
    };
    add(norm, &OptimizerState::norm);
    add(adam, &OptimizerState::adam);
  }
  return samples;
}

}  // namespace paraplan
