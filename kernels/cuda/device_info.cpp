#include "kernels/cuda/device_info.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <array>
#include <string>

#include "kernels/cuda/check.h"
#include "kernels/cuda/fused_attention.h"
#include "kernels/cuda/memory.h"

namespace paraplan {
namespace {

int current_device() {
  int device = 0;
  check_cuda(cudaGetDevice(&device), "finding the device");
  return device;
}

int attribute(cudaDeviceAttr which) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, which, current_device()), "reading the device");
  return value;
}

// CUDA's and cuDNN's numbers: 13020 is CUDA 13.2.
std::string cuda_version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

int runtime_version() {
  int version = 0;
  check_cuda(cudaRuntimeGetVersion(&version), "reading CUDA's version");
  return version;
}

// The newest CUDA that the driver supports; 0: no driver.
int driver_cuda_version() {
  int version = 0;
  check_cuda(cudaDriverGetVersion(&version), "reading the driver's version");
  return version;
}

std::string blas_version() {
  const size_t version = cublasLtGetVersion();
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

std::string library_versions() {
  const std::string fused = fused_attention_library();
  return "CUDA " + cuda_version(runtime_version()) + ", cuBLASLt " + blas_version() +
         (fused.empty() ? "" : ", " + fused);
}

std::string needed_driver() {
  return "this build needs a driver for CUDA " + cuda_version(runtime_version()) + " or later";
}

}  // namespace

void check_driver() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    const int offered = driver_cuda_version();
    if (offered == 0) throw DeviceError("no NVIDIA driver on this machine; " + needed_driver());
    throw DeviceError("the NVIDIA driver is too old: it offers CUDA " + cuda_version(offered) + ", and " +
                      needed_driver() + "; update the driver, or build with an older CUDA (from 12.4 on)");
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    throw DeviceError("no NVIDIA GPU on this machine, or none that CUDA_VISIBLE_DEVICES lets be seen");
  check_cuda(status, "looking for NVIDIA GPUs");
}

std::string device_bus_id() {
  std::array<char, 32> text = {};
  check_cuda(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), current_device()),
             "reading the device");
  return text.data();
}

std::string device_name() {
  cudaDeviceProp properties = {};
  check_cuda(cudaGetDeviceProperties(&properties, current_device()), "reading the device");
  return properties.name;
}

DeviceMemoryInfo read_device_memory() {
  size_t free_bytes = 0, total_bytes = 0;
  check_cuda(cudaMemGetInfo(&free_bytes, &total_bytes), "reading the device's memory");
  return {static_cast<double>(free_bytes), static_cast<double>(total_bytes)};
}

AcceleratorInfo read_device_info(const Nvml& nvml) {
  constexpr double kKilohertz = 1e3;
  const auto clock = [&](Nvml::Clock which, cudaDeviceAttr otherwise) {
    const std::optional<double> told = nvml.highest_clock_hz(which);
    return told ? *told : attribute(otherwise) * kKilohertz;
  };
  return {.name = device_name(),
          .driver = nvml.driver_version().value_or("for CUDA " + cuda_version(driver_cuda_version())),
          .libraries = library_versions(),
          .memory_bytes = read_device_memory().total_bytes,
          .cache_bytes = static_cast<double>(attribute(cudaDevAttrL2CacheSize)),
          .clock_hz = clock(Nvml::Clock::processors, cudaDevAttrClockRate),
          .memory_clock_hz = clock(Nvml::Clock::memory, cudaDevAttrMemoryClockRate),
          .processors = count_processors()};
}

}  // namespace paraplan
