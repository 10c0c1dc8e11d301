#include "kernels/backends.h"

#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace paraplan {
namespace {

TEST(MakeBackend, GivesTheElementType) {
  for (const ElementType type : {ElementType::fp32, ElementType::fp64}) {
    const auto backend = make_backend("cpu", type);
    EXPECT_EQ(backend->name(), "cpu");
    EXPECT_EQ(backend->element_type(), type);
  }
}

TEST(MakeBackend, NamesTheDevicesOfTheBuild) {
  try {
    make_backend("abacus", ElementType::fp32);
    FAIL() << "took an unknown device";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "no device 'abacus' to train on; there is: cpu");
  }
}

TEST(MakeBackend, SaysWhatTheCpuComputesIn) {
  for (const auto& [type, name] : {std::pair{ElementType::fp16, "fp16"}, {ElementType::bf16, "bf16"}}) {
    try {
      make_backend("cpu", type);
      FAIL() << "took " << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(), std::string("the CPU computes in fp32 or fp64, not in ") + name);
    }
  }
}

TEST(CpuMatrixLibrary, HasNameAndVersion) {
  const std::regex form("(OpenBLAS|Eigen) [0-9]+\\.[0-9]+\\.[0-9]+");
  EXPECT_TRUE(std::regex_match(cpu_matrix_library(), form)) << cpu_matrix_library();
}

TEST(CpuBackend, CopiesBetweenHostAndDevice) {
  const auto backend = make_backend("cpu", ElementType::fp64);
  const std::vector<double> sent = {1, 2, 3};
  std::vector<double> back(3);
  void* data = backend->allocate(3 * sizeof(double));
  backend->upload(sent.data(), 3 * sizeof(double), data);
  backend->download(data, 3 * sizeof(double), back.data());
  backend->release(data);
  EXPECT_EQ(back, sent);
  EXPECT_EQ(backend->workspace_bytes(), 0U);
}

TEST(CpuBackend, AlignsMemoryToCacheLines) {
  const auto backend = make_backend("cpu", ElementType::fp32);
  for (const size_t bytes : {0, 1, 63, 4097}) {
    void* data = backend->allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0U);
    backend->release(data);
  }
}

}  // namespace
}  // namespace paraplan
