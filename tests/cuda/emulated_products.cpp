// How products use cuBLASLt, beyond their results: on the emulated library, whose clock and whose refusals
// are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/memory.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/stream.h"

namespace paraplan {
namespace {

// Square matrices of ones, in device memory, and products on them.
class EmulatedProductsTest : public testing::Test {
 protected:
  static constexpr int64_t kSize = 16;
  static constexpr size_t kWorkspace = 1 << 16;

  EmulatedProductsTest() { std::fill_n(static_cast<float*>(c.data()), kSize * kSize, 1.0f); }

  static DeviceMemory ones(ElementType type) {
    DeviceMemory memory(static_cast<size_t>(kSize * kSize * size_of(ElementType::fp32)));
    const uint16_t bits = type == ElementType::fp16 ? 0x3c00 : 0x3f80;
    if (type == ElementType::fp32)
      std::fill_n(static_cast<float*>(memory.data()), kSize * kSize, 1.0f);
    else
      std::fill_n(static_cast<uint16_t*>(memory.data()), kSize * kSize, bits);
    return memory;
  }
  static Matrix square(const DeviceMemory& memory) { return {memory.data(), kSize, kSize, kSize}; }
  static Matrix row(const DeviceMemory& memory) { return {memory.data(), 1, kSize, kSize}; }

  Gemm bare() const { return {.a = square(a), .b = square(a), .c = square(c)}; }
  Gemm adding() const { return {.a = square(a), .b = square(a), .c = square(c), .accumulate = true}; }
  Gemm gelu() const {
    Gemm product = bare();
    product.bias = row(a);
    product.epilogue = Epilogue::gelu;
    product.pre_activation = square(extra);
    return product;
  }
  Gemm gelu_gradient() const {
    Gemm product = bare();
    product.epilogue = Epilogue::gelu_gradient;
    product.pre_activation = square(extra);
    product.bias_gradient = row(sums);
    return product;
  }
  MatrixProducts products(ElementType type = ElementType::fp32, size_t workspace_bytes = kWorkspace) const {
    return {type, stream.handle(), workspace.data(), workspace_bytes};
  }
  float result() const { return *static_cast<const float*>(c.data()); }
  // Of the device, for one product.
  double seconds(MatrixProducts& on, const Gemm& product) {
    start.record(stream.handle());
    EXPECT_TRUE(on.gemm(product));
    end.record(stream.handle());
    return end.seconds_since(start);
  }

  DeviceMemory a = ones(ElementType::fp32), c = ones(ElementType::fp32), extra = ones(ElementType::fp32),
               sums = ones(ElementType::fp32), workspace{kWorkspace};
  Stream stream;
  Event start, end;
};

// Otherwise the way round the library would hide that it is never asked.
TEST_F(EmulatedProductsTest, LeavesBiasesAndEpiloguesToTheLibrary) {
  for (const ElementType type : {ElementType::fp32, ElementType::fp16, ElementType::bf16}) {
    a = ones(type);
    extra = ones(type);
    MatrixProducts on = products(type);
    Gemm biased = bare();
    biased.bias = row(a);
    EXPECT_TRUE(on.gemm(biased));
    EXPECT_TRUE(on.gemm(gelu()));
    EXPECT_EQ(on.gemm(gelu_gradient()), type != ElementType::fp16);  // sums beyond the range of fp16
  }
}

// The result in neighbouring rows, GELU's input in rows of twice their length.
TEST_F(EmulatedProductsTest, KeepsTheInputOfGeluInRowsOfItsOwnStride) {
  constexpr int64_t kHalf = kSize / 2;
  MatrixProducts on = products();
  Gemm product = gelu();
  product.b.columns = product.bias.columns = product.c.columns = product.c.stride = kHalf;
  product.pre_activation.columns = kHalf;
  EXPECT_TRUE(on.gemm(product));
  const auto* kept = static_cast<const float*>(extra.data());
  for (int64_t i = 0; i < kSize * kSize; ++i)
    EXPECT_EQ(kept[i], i % kSize < kHalf ? 1 + kSize : 1) << "at " << i;
}

TEST_F(EmulatedProductsTest, TakesAnyStrideOfASingleRow) {
  MatrixProducts on = products();
  Gemm product = bare();
  product.a.rows = product.c.rows = 1;
  product.a.stride = product.c.stride = 1;
  EXPECT_TRUE(on.gemm(product));
  EXPECT_EQ(result(), kSize);
}

TEST_F(EmulatedProductsTest, DoesNotTakeEpiloguesThatTheLibraryRefuses) {
  MatrixProducts on = products();
  for (Gemm product : {gelu(), gelu_gradient()}) {
    product.c.rows = product.a.rows = 4;
    product.pre_activation.rows = 4;
    product.pre_activation.stride = kSize + 1;
    EXPECT_FALSE(on.gemm(product));
    product.pre_activation.stride = kSize;
    product.pre_activation.data = static_cast<float*>(extra.data()) + 1;
    EXPECT_FALSE(on.gemm(product));
    product.pre_activation.data = extra.data();
    EXPECT_TRUE(on.gemm(product));
  }
}

// Column sums lie in the workspace, where it has room for them.
TEST_F(EmulatedProductsTest, SumsColumnsBesideTheLibrarysWorkspace) {
  MatrixProducts on = products();
  std::fill_n(static_cast<float*>(extra.data()), kSize * kSize, 30.0f);  // where GELU's slope is 1
  EXPECT_TRUE(on.gemm(gelu_gradient()));
  for (int64_t i = 0; i < kSize; ++i) EXPECT_EQ(static_cast<const float*>(sums.data())[i], 1 + kSize * kSize);
  MatrixProducts without_room = products(ElementType::fp32, 128);
  EXPECT_FALSE(without_room.gemm(gelu_gradient()));
}

// The first call tries the algorithms on a copy, and passes by the one that fails.
TEST_F(EmulatedProductsTest, SettlesForTheFastestAlgorithm) {
  MatrixProducts on = products();
  EXPECT_TRUE(on.gemm(adding()));
  EXPECT_EQ(result(), 1 + kSize);
  EXPECT_NEAR(seconds(on, adding()), 1e-3, 1e-9);
  EXPECT_EQ(result(), 1 + 2 * kSize);
}

TEST_F(EmulatedProductsTest, TakesAnAlgorithmThatFitsTheWorkspace) {
  MatrixProducts on = products(ElementType::fp32, 256);
  EXPECT_TRUE(on.gemm(adding()));
  EXPECT_NEAR(seconds(on, adding()), 2e-3, 1e-9);
  EXPECT_EQ(result(), 1 + 2 * kSize);
}

// Nothing runs while work is recorded: the library's first algorithm is taken until a call may try them all.
TEST_F(EmulatedProductsTest, TriesNothingWhileRecording) {
  MatrixProducts on = products();
  Graph graph(stream.handle(), [&] { EXPECT_TRUE(on.gemm(adding())); });
  EXPECT_EQ(result(), 1);
  start.record(stream.handle());
  graph.launch(stream.handle());
  end.record(stream.handle());
  EXPECT_EQ(result(), 1 + kSize);
  EXPECT_NEAR(end.seconds_since(start), 2e-3, 1e-9);
  EXPECT_TRUE(on.gemm(adding()));
  EXPECT_NEAR(seconds(on, adding()), 1e-3, 1e-9);
}

TEST_F(EmulatedProductsTest, TellsTheShapeOfAProductThatTheLibraryRefuses) {
  MatrixProducts on = products();
  Gemm product = bare();
  product.b.columns = product.b.stride = kSize - 1;
  try {
    on.gemm(product);
    FAIL() << "rows shorter than the result's were taken";
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "cuBLASLt has no matrix product 1 of (16, 16) x (16, 16), strides 16, 15, 16");
  }
}

}  // namespace
}  // namespace paraplan
