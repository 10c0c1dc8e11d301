// The optimizer: one launch for many tensors.
#include <cmath>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/row_packs.cuh"

namespace paraplan {
namespace {

// A tensor is cut into packs of kFour elements of a row, or of one where rows do not start aligned; packs are
// dealt to blocks in chunks. The last pack of a row may be short.
constexpr int kThreads = 256, kPacksPerThread = 4, kChunk = kThreads * kPacksPerThread;

struct Extent {
  int64_t columns = 0, packs_per_row = 0, packs = 0;
  bool wide = false;
};

struct Place {
  int64_t row, column;
};

__device__ __forceinline__ Place place_of(const Extent& extent, int64_t pack) {
  const int64_t row = extent.packs == extent.packs_per_row ? 0 : pack / extent.packs_per_row;
  return {row, (pack - row * extent.packs_per_row) * (extent.wide ? kFour : 1)};
}

// Calls work<kCount>(row, column) for the elements of a pack: all at once where it is whole.
template <typename Work>
__device__ __forceinline__ void work_on_pack(const Extent& extent, int64_t pack, const Work& work) {
  const Place place = place_of(extent, pack);
  if (extent.wide && place.column + kFour <= extent.columns) return work.template operator()<kFour>(place);
  const int64_t end = extent.wide ? extent.columns : place.column + 1;
  for (int64_t column = place.column; column < end; ++column)
    work.template operator()<1>(Place{place.row, column});
}

// A matrix without gaps is one row.
Matrix flat(const Matrix& m, bool dense) {
  return dense ? Matrix{m.data, 1, m.elements(), m.elements()} : m;
}

Extent extent_of(const Matrix& m, bool wide) {
  const int64_t packs_per_row = ceil_div(m.columns, wide ? kFour : 1);
  return {m.columns, packs_per_row, m.rows * packs_per_row, wide};
}

// Tensors of one launch; a parameter of the kernel, whose size is limited.
constexpr size_t kParameterBytes = 4096;

template <typename Entry, int kMost>
struct Table {
  Entry entry[kMost];
  uint32_t first_chunk[kMost + 1] = {};
  int count = 0;

  bool full() const { return count == kMost; }
  uint32_t chunks() const { return first_chunk[count]; }
  void add(const Entry& added) {
    entry[count] = added;
    const auto chunks_of_entry = static_cast<uint32_t>(ceil_div(added.extent.packs, kChunk));
    first_chunk[count + 1] = first_chunk[count] + chunks_of_entry;
    ++count;
  }
};

// The constants of one AdamW step (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019), put so that
// the bias corrections cost nothing per element:  p = decay * p - rate * m / (sqrt(v) * root_correction +
// epsilon).
struct AdamConstants {
  explicit AdamConstants(const AdamStep& s)
      : beta1(static_cast<float>(s.beta1)),
        beta2(static_cast<float>(s.beta2)),
        rest1(static_cast<float>(1 - s.beta1)),
        rest2(static_cast<float>(1 - s.beta2)),
        gradient_scale(static_cast<float>(s.gradient_scale)),
        rate(static_cast<float>(s.learning_rate / (1 - std::pow(s.beta1, s.step)))),
        root_correction(static_cast<float>(1 / std::sqrt(1 - std::pow(s.beta2, s.step)))),
        epsilon(static_cast<float>(s.epsilon)) {}

  float beta1, beta2, rest1, rest2;  // rest: 1 - beta, rounded once
  float gradient_scale, rate, root_correction, epsilon;
};

template <typename T>
struct AdamEntry {
  Rows<T> parameter;
  Rows<float> gradient, first_moment, second_moment, master;  // master.data may be null
  Extent extent;
  float decay;
};

template <typename T>
using AdamTable = Table<AdamEntry<T>, 32>;

template <typename T>
struct AdamWork {
  const AdamEntry<T>& tensor;
  const AdamConstants& k;

  template <int kCount>
  __device__ __forceinline__ void operator()(Place at) const {
    const auto address = [at](const auto& rows) { return rows.row(at.row) + at.column; };
    const bool has_master = tensor.master.data != nullptr;
    auto g = load_elements<kCount>(address(tensor.gradient));
    auto m = load_elements<kCount>(address(tensor.first_moment));
    auto v = load_elements<kCount>(address(tensor.second_moment));
    auto p = has_master ? load_elements<kCount>(address(tensor.master))
                        : load_elements<kCount>(address(tensor.parameter));
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float scaled = k.gradient_scale * g.value[i];
      m.value[i] = k.beta1 * m.value[i] + k.rest1 * scaled;
      v.value[i] = k.beta2 * v.value[i] + k.rest2 * (scaled * scaled);
      p.value[i] = tensor.decay * p.value[i] -
                   k.rate * m.value[i] / (sqrtf(v.value[i]) * k.root_correction + k.epsilon);
      g.value[i] = 0;
    }
    store_elements(address(tensor.gradient), g);
    store_elements(address(tensor.first_moment), m);
    store_elements(address(tensor.second_moment), v);
    if (has_master) store_elements(address(tensor.master), p);
    store_elements(address(tensor.parameter), p);
  }
};

template <typename T>
__global__ void __launch_bounds__(kThreads) adam_kernel(const AdamConstants k, const AdamTable<T> table) {
  int index = 0, end = table.count;  // the last entry that starts at or before this block's chunk
  while (end - index > 1) {
    const int middle = (index + end) / 2;
    (table.first_chunk[middle] <= blockIdx.x ? index : end) = middle;
  }
  const AdamEntry<T>& tensor = table.entry[index];
  const int64_t chunk = blockIdx.x - table.first_chunk[index];
  for (int i = 0; i < kPacksPerThread; ++i) {
    const int64_t pack = chunk * kChunk + i * kThreads + threadIdx.x;
    if (pack < tensor.extent.packs) work_on_pack(tensor.extent, pack, AdamWork<T>{tensor, k});
  }
}

template <typename T>
AdamEntry<T> adam_entry(const AdamTensor& t, const AdamStep& step) {
  const bool has_master = t.master.data != nullptr;
  const bool dense = is_dense(t.parameter) && is_dense(t.gradient) && is_dense(t.first_moment) &&
                     is_dense(t.second_moment) && (!has_master || is_dense(t.master));
  const auto laid_out = [dense](const Matrix& m) { return flat(m, dense); };
  const Matrix p = laid_out(t.parameter), g = laid_out(t.gradient), m = laid_out(t.first_moment),
               v = laid_out(t.second_moment), master = has_master ? laid_out(t.master) : Matrix{};
  const bool wide = aligned_for<T>(p, kFour) && aligned_for<float>(g, kFour) &&
                    aligned_for<float>(m, kFour) && aligned_for<float>(v, kFour) &&
                    aligned_for<float>(master, kFour);
  const double decay = t.decays ? 1 - step.learning_rate * step.weight_decay : 1;
  return {rows_of<T>(p),          rows_of<float>(g),  rows_of<float>(m),        rows_of<float>(v),
          rows_of<float>(master), extent_of(p, wide), static_cast<float>(decay)};
}

struct SquareEntry {
  Rows<float> x;
  Extent extent;
};

using SquareTable = Table<SquareEntry, 64>;

struct SquareWork {
  const SquareEntry& matrix;
  double& sum;

  template <int kCount>
  __device__ __forceinline__ void operator()(Place at) const {
    const auto x = load_elements<kCount>(matrix.x.row(at.row) + at.column);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum += static_cast<double>(x.value[i]) * static_cast<double>(x.value[i]);
  }
};

// The thread's packs of a chunk of a matrix of whole packs, all loaded before the first is added.
__device__ __forceinline__ void add_squares_of_whole_packs(const SquareEntry& matrix, int64_t first,
                                                           double& sum) {
  Elements<kFour> x[kPacksPerThread] = {};
#pragma unroll
  for (int i = 0; i < kPacksPerThread; ++i) {
    const int64_t pack = first + i * kThreads;
    if (pack >= matrix.extent.packs) continue;
    const Place at = place_of(matrix.extent, pack);
    x[i] = load_elements<kFour>(matrix.x.row(at.row) + at.column);
  }
#pragma unroll
  for (const Elements<kFour>& pack : x)
#pragma unroll
    for (const float value : pack.value) sum += static_cast<double>(value) * static_cast<double>(value);
}

// partial[block] = sum of the squares of every gridDim.x-th chunk, so that the result depends on nothing
// else.
__global__ void __launch_bounds__(kThreads) square_sum_kernel(const SquareTable table, double* partial) {
  double sum = 0;
  int index = 0;
  for (uint32_t chunk = blockIdx.x; chunk < table.first_chunk[table.count]; chunk += gridDim.x) {
    while (table.first_chunk[index + 1] <= chunk) ++index;
    const SquareEntry& matrix = table.entry[index];
    const int64_t first = static_cast<int64_t>(chunk - table.first_chunk[index]) * kChunk + threadIdx.x;
    if (matrix.extent.wide && matrix.extent.columns % kFour == 0) {
      add_squares_of_whole_packs(matrix, first, sum);
      continue;
    }
#pragma unroll
    for (int i = 0; i < kPacksPerThread; ++i)
      if (first + i * kThreads < matrix.extent.packs)
        work_on_pack(matrix.extent, first + i * kThreads, SquareWork{matrix, sum});
  }
  sum = reduce_block<Sum>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_partial_kernel(const double* partial, int count, double* total) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) sum += partial[i];
  sum = reduce_block<Sum>(sum);
  if (threadIdx.x == 0) *total += sum;
}

// Collects entries and calls run(table) for each full table and for the rest.
template <typename Tables, typename Tensors, typename Entry, typename Run>
void for_tables(const Tensors& tensors, const Entry& entry, const Run& run) {
  Tables table;
  for (const auto& tensor : tensors) {
    const auto added = entry(tensor);
    if (added.extent.packs == 0) continue;
    table.add(added);
    if (!table.full()) continue;
    run(table);
    table = {};
  }
  if (table.count > 0) run(table);
}

}  // namespace

template <typename T>
void CudaBackend<T>::square_sum(std::span<const Matrix> matrices, double* total) {
  static_assert(sizeof(SquareTable) + sizeof(double*) <= kParameterBytes);
  constexpr int64_t kBlocksPerProcessor = 8;
  auto* const partial = reinterpret_cast<double*>(scratch());
  const auto entry = [](const Matrix& m) {
    const Matrix x = flat(m, is_dense(m));
    return SquareEntry{rows_of<float>(x), extent_of(x, aligned_for<float>(x, kFour))};
  };
  for_tables<SquareTable>(matrices, entry, [&](const SquareTable& table) {
    const int64_t blocks = std::min<int64_t>(table.chunks(), kBlocksPerProcessor * processors_);
    launch("square_sum", square_sum_kernel, {.blocks_x = blocks, .threads = kThreads}, queue_, table,
           partial);
    launch("square_sum", add_partial_kernel, {.threads = kThreads}, queue_, partial, static_cast<int>(blocks),
           total);
  });
}

template <typename T>
void CudaBackend<T>::adam(const AdamStep& step, std::span<const AdamTensor> tensors) {
  static_assert(sizeof(AdamTable<T>) + sizeof(AdamConstants) <= kParameterBytes);
  const AdamConstants constants(step);
  const auto entry = [&](const AdamTensor& tensor) { return adam_entry<T>(tensor, step); };
  for_tables<AdamTable<T>>(tensors, entry, [&](const AdamTable<T>& table) {
    launch("adam", adam_kernel<T>, {.blocks_x = table.chunks(), .threads = kThreads}, queue_, constants,
           table);
  });
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
