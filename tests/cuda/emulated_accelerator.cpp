// The CUDA backend's module without a GPU: its kernels run in the emulation, and the host's clock stands for
// the device's. For whole commands; times say nothing.
#include <chrono>
#include <utility>
#include <vector>

#include "kernels/cuda/module.h"
#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The work has run when it is recorded; replays would take as long.
class EmulatedRecording final : public Accelerator::Recording {
 public:
  explicit EmulatedRecording(double seconds) : seconds_(seconds) {}
  double seconds() override { return seconds_; }
  double host_seconds() override { return seconds_; }

 private:
  double seconds_;
};

class EmulatedAccelerator final : public Accelerator {
 public:
  AcceleratorInfo info() const override {
    return {.name = "emulated GPU",
            .driver = "none",
            .libraries = "emulation",
            .memory_bytes = kMemory,
            .cache_bytes = 1 << 12,
            .clock_hz = 1e9,
            .memory_clock_hz = 1e9,
            .processors = 3};
  }
  std::unique_ptr<Backend> make_backend(ElementType type) override {
    std::string why_not;
    return make_tested_backend(type, why_not);
  }
  double free_memory_bytes() const override { return kMemory; }
  double fixed_memory_bytes() const override { return 1 << 20; }
  std::optional<int64_t> other_processes() const override { return std::nullopt; }
  double queued_seconds(const std::function<void()>& work) override { return seconds_of(work); }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    return std::make_unique<EmulatedRecording>(seconds_of(work));
  }
  double launch_seconds() override { return 1e-6; }
  double copy_seconds(CopyDirection, size_t bytes) override {
    std::vector<char> from(bytes), to(bytes);
    return seconds_of([&] { std::copy(from.begin(), from.end(), to.begin()); });
  }

 private:
  static constexpr double kMemory = 264 << 20;  // little, so that benchmarks of large sizes shrink
};

}  // namespace
}  // namespace paraplan

paraplan::Accelerator* paraplan_make_accelerator() {
  return new paraplan::EmulatedAccelerator;
}
