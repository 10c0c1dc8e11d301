#include "kernels/accelerator.h"
#include "kernels/backends.h"
#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

// One for the process, as a program has.
Accelerator& accelerator() {
  static const std::unique_ptr<Accelerator> only = make_accelerator("cuda");
  return *only;
}

}  // namespace

std::unique_ptr<Backend> make_tested_backend(ElementType type, std::string& why_not) {
  try {
    return accelerator().make_backend(type);
  } catch (const DeviceError& error) {
    why_not = std::string("skipped: no usable GPU: ") + error.what();
    return nullptr;
  }
}

}  // namespace paraplan
