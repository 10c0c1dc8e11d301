#include "kernels/cuda/nvml.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace paraplan {
namespace {

// From nvml.h, which toolkits need not have; its functions keep their meaning under their versioned names.
using Device = void*;
constexpr int kSuccess = 0;
constexpr unsigned long long kNotAvailable = ~0ull;

struct ProcessInfo {  // nvmlProcessInfo_t of nvmlDeviceGetComputeRunningProcesses_v3
  unsigned pid;
  unsigned long long memory_bytes;
  unsigned gpu_instance, compute_instance;
};

struct CloseLibrary {
  void operator()(void* library) const noexcept { dlclose(library); }
};

}  // namespace

struct Nvml::State {
  std::unique_ptr<void, CloseLibrary> library;
  Device device = nullptr;

  // Null where the library is older than the function.
  template <typename... Arguments>
  auto find(const char* name) const {
    return reinterpret_cast<int (*)(Arguments...)>(dlsym(library.get(), name));
  }
  template <typename... Arguments>
  bool call(const char* name, Arguments... arguments) const {
    const auto function = find<Arguments...>(name);
    return function != nullptr && function(arguments...) == kSuccess;
  }
};

// Those that compute on the device.
struct Nvml::Processes {
  std::array<ProcessInfo, 128> infos = {};
  unsigned count = static_cast<unsigned>(infos.size());
};

Nvml::Nvml(const std::string& bus_id) {
  auto state = std::make_unique<State>();
  state->library.reset(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!state->library || !state->call("nvmlInit_v2")) return;
  state_ = std::move(state);
  if (!state_->call("nvmlDeviceGetHandleByPciBusId_v2", bus_id.c_str(), &state_->device))
    state_->device = nullptr;
}

Nvml::~Nvml() {
  if (state_) state_->call("nvmlShutdown");
}
Nvml::Nvml(Nvml&&) noexcept = default;
Nvml& Nvml::operator=(Nvml&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

std::optional<std::string> Nvml::driver_version() const {
  std::array<char, 96> text = {};
  if (!state_ || !state_->call("nvmlSystemGetDriverVersion", text.data(), static_cast<unsigned>(text.size())))
    return std::nullopt;
  return std::string(text.data());
}

std::optional<double> Nvml::highest_clock_hz(Clock clock) const {
  constexpr int kProcessors = 1, kMemory = 2;  // NVML_CLOCK_SM, NVML_CLOCK_MEM
  unsigned megahertz = 0;
  if (!state_ || state_->device == nullptr ||
      !state_->call("nvmlDeviceGetMaxClockInfo", state_->device,
                    clock == Clock::processors ? kProcessors : kMemory, &megahertz))
    return std::nullopt;
  return megahertz * 1e6;
}

std::optional<Nvml::Processes> Nvml::processes() const {
  Processes all;
  if (!state_ || state_->device == nullptr ||
      !state_->call("nvmlDeviceGetComputeRunningProcesses_v3", state_->device, &all.count, all.infos.data()))
    return std::nullopt;
  return all;
}

// A process in a container may go by another number outside; then it is not found.
std::optional<double> Nvml::process_memory_bytes() const {
  const std::optional<Processes> all = processes();
  for (unsigned i = 0; all && i < all->count; ++i)
    if (all->infos[i].pid == static_cast<unsigned>(getpid()) && all->infos[i].memory_bytes != kNotAvailable)
      return static_cast<double>(all->infos[i].memory_bytes);
  return std::nullopt;
}

// Counted, not looked for by number, see above. A list without this process is that of a container which sees
// none.
std::optional<int64_t> Nvml::other_processes() const {
  const std::optional<Processes> all = processes();
  if (!all || all->count == 0) return std::nullopt;
  return all->count - 1;
}

}  // namespace paraplan
