#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/dropout_draw.cuh"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {
namespace {

// out = residual + dropout(in + bias); bias, residual and mask may be null.
template <typename T>
struct Dropout {
  Rows<T> in, bias, residual, out;
  uint8_t* mask;
  int64_t columns;
  DropoutNumbers numbers;

  // Where nothing is drawn, the largest numbers: all is kept.
  __device__ __forceinline__ PhiloxBlock drawn(uint64_t block) const {
    return numbers.enabled() ? numbers.block(block) : PhiloxBlock{{~0u, ~0u, ~0u, ~0u}};
  }
  __device__ __forceinline__ float apply(float x, float added, float base, bool kept) const {
    return base + (x + added) * (kept ? numbers.scale() : 0);
  }
};

// By packs of whole blocks of random numbers.
template <typename T>
struct DropoutPacks : Dropout<T> {
  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> in, bias, residual;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    const T* base = this->residual.data;
    return {load_packed<kCount>(this->in.row(row) + column),
            load_packed_or_zeros<kCount>(this->bias.data, column),
            load_packed_or_zeros<kCount>(base == nullptr ? base : this->residual.row(row), column)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const uint64_t first = this->numbers.first_number(row) + static_cast<uint64_t>(column);
    const auto x = unpack(loaded.in), added = unpack(loaded.bias), base = unpack(loaded.residual);
    Elements<kCount> result;
    Pack<uint8_t, kCount> bytes;
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
      const PhiloxBlock drawn = this->drawn(first / 4 + static_cast<uint64_t>(i / 4));
#pragma unroll
      for (int k = i; k < i + 4; ++k) {
        const bool kept = this->numbers.keeps(drawn.word[k - i]);
        bytes.element[k] = kept ? 1 : 0;
        result.value[k] = this->apply(x.value[k], added.value[k], base.value[k], kept);
      }
    }
    store_elements(this->out.row(row) + column, result);
    if (this->mask != nullptr) store_pack(this->mask + row * this->columns + column, bytes);
  }
};

// By what a row has of each block of random numbers: up to 4 elements, wherever they lie. Block b of a row is
// its columns from 4 b - phase on.
template <typename T>
struct DropoutBlocks : Dropout<T> {
  static int64_t blocks_per_row(int64_t columns) { return ceil_div(columns + 3, 4); }

  template <int>
  __device__ void operator()(int64_t row, int64_t block) const {
    const uint64_t first = this->numbers.first_number(row);
    const int64_t start = 4 * block - static_cast<int64_t>(first % 4);
    if (start >= this->columns) return;
    const PhiloxBlock drawn = this->drawn(first / 4 + static_cast<uint64_t>(block));
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (start + i >= 0 && start + i < this->columns)
        drop(row, start + i, this->numbers.keeps(drawn.word[i]));
  }

 private:
  __device__ __forceinline__ void drop(int64_t row, int64_t column, bool kept) const {
    const float added = this->bias.data == nullptr ? 0 : to_float(this->bias.data[column]);
    const float base = this->residual.data == nullptr ? 0 : to_float(this->residual.row(row)[column]);
    const float x = to_float(this->in.row(row)[column]);
    this->out.row(row)[column] = from_float<T>(this->apply(x, added, base, kept));
    if (this->mask != nullptr) this->mask[row * this->columns + column] = kept ? 1 : 0;
  }
};

template <typename T>
struct DropoutGradient {
  Rows<T> gradient, in_gradient;
  const uint8_t* mask;
  int64_t columns;
  float scale;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> gradient;
    Pack<uint8_t, kCount> mask;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    return {load_packed<kCount>(gradient.row(row) + column),
            load_packed<kCount>(mask + row * columns + column)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    auto values = unpack(loaded.gradient);
#pragma unroll
    for (int i = 0; i < kCount; ++i) values.value[i] *= loaded.mask.element[i] != 0 ? scale : 0;
    store_elements(in_gradient.row(row) + column, values);
  }
};

// For packs_cover: bytes with rows like those of m.
Matrix mask_rows(const uint8_t* mask, const Matrix& m) {
  return {const_cast<uint8_t*>(mask), m.rows, m.columns, m.columns};
}

template <typename T>
void queue_dropout(const char* name, const DropoutDraw& draw, const Matrix& in, const Matrix& bias,
                   const Matrix& residual, const Matrix& out, uint8_t* mask, QueueHandle queue) {
  const Dropout<T> work{rows_of<T>(in),
                        rows_of<T>(bias),
                        rows_of<T>(residual),
                        rows_of<T>(out),
                        mask,
                        in.columns,
                        DropoutNumbers(mask == nullptr ? DropoutDraw{} : draw, in.rows, in.columns)};
  constexpr int kPack = Pack<T>::kCount;
  if (packs_cover_all<T>({in, bias, residual, out, mask_rows(mask, in)}))
    for_packs<kPack>(name, in.rows, in.columns / kPack, DropoutPacks<T>{work}, queue);
  else
    for_packs<1>(name, in.rows, DropoutBlocks<T>::blocks_per_row(in.columns), DropoutBlocks<T>{work}, queue);
}

}  // namespace

template <typename T>
void CudaBackend<T>::dropout(const DropoutDraw& draw, const Matrix& in, const Matrix& out, uint8_t* mask) {
  queue_dropout<T>("dropout", draw, in, Matrix{}, Matrix{}, out, mask, queue_);
}

template <typename T>
void CudaBackend<T>::bias_dropout_add(const DropoutDraw& draw, const Matrix& in, const Matrix& bias,
                                      const Matrix& residual, const Matrix& out, uint8_t* mask) {
  queue_dropout<T>("bias_dropout_add", draw, in, bias, residual, out, mask, queue_);
}

template <typename T>
void CudaBackend<T>::dropout_gradient(double probability, const uint8_t* mask, const Matrix& gradient,
                                      const Matrix& in_gradient) {
  const DropoutGradient<T> work{rows_of<T>(gradient), rows_of<T>(in_gradient), mask, gradient.columns,
                                static_cast<float>(1 / (1 - probability))};
  for_elements<T>("dropout_gradient", gradient, {gradient, in_gradient, mask_rows(mask, gradient)}, work,
                  queue_);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
