// Element by element on rows: bias_add, gelu, swiglu, tanh and their gradients.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {
namespace {

// 1 / (1 + exp(-z)), from z log2(e).
__device__ __forceinline__ float sigmoid_of_log2(float z) {
  return reciprocal_fast(1 + exp2_fast(-z));
}
__device__ __forceinline__ float sigmoid(float z) {
  return sigmoid_of_log2(kLog2E * z);
}

// gelu(x) = x / 2 * (1 + tanh(u)) = x * sigmoid(2 u) with u = sqrt(2 / pi) * (x + 0.044715 x^3). The second
// form does not cancel where tanh(u) is near -1.
constexpr float kTwoRootTwoOverPi = 1.59576912f;
constexpr float kCubic = 0.044715f;

__device__ __forceinline__ float gelu_sigmoid(float x) {
  constexpr float kFirst = kLog2E * kTwoRootTwoOverPi, kThird = kFirst * kCubic;
  return sigmoid_of_log2(x * (kFirst + kThird * (x * x)));
}

struct Identity {
  __device__ __forceinline__ float operator()(float x) const { return x; }
};
struct Gelu {
  __device__ __forceinline__ float operator()(float x) const { return x * gelu_sigmoid(x); }
};
struct GeluSlope {
  __device__ __forceinline__ float operator()(float x) const {
    constexpr float kThird = 3 * kCubic * kTwoRootTwoOverPi;
    const float s = gelu_sigmoid(x), twice_u_slope = kTwoRootTwoOverPi + kThird * (x * x);
    return s * (1 + x * (1 - s) * twice_u_slope);
  }
};
struct Tanh {
  __device__ __forceinline__ float operator()(float x) const { return tanhf(x); }
};
struct TanhSlope {  // from y = tanh(x)
  __device__ __forceinline__ float operator()(float y) const { return 1 - y * y; }
};

// y = function(x + bias); bias may be null.
template <typename T, typename Function>
struct Biased {
  Rows<T> x, bias, y;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> x, bias;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    return {load_packed<kCount>(x.row(row) + column), load_packed_or_zeros<kCount>(bias.data, column)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const auto values = unpack(loaded.x), biases = unpack(loaded.bias);
    Elements<kCount> result;
#pragma unroll
    for (int i = 0; i < kCount; ++i) result.value[i] = Function{}(values.value[i] + biases.value[i]);
    store_elements(y.row(row) + column, result);
  }
};

// x_gradient = gradient * slope(x + bias); bias may be null.
template <typename T, typename Slope>
struct BiasedGradient {
  Rows<T> gradient, x, bias, x_gradient;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> gradient, x, bias;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    return {load_packed<kCount>(gradient.row(row) + column), load_packed<kCount>(x.row(row) + column),
            load_packed_or_zeros<kCount>(bias.data, column)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const auto dy = unpack(loaded.gradient), values = unpack(loaded.x), biases = unpack(loaded.bias);
    Elements<kCount> result;
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      result.value[i] = dy.value[i] * Slope{}(values.value[i] + biases.value[i]);
    store_elements(x_gradient.row(row) + column, result);
  }
};

// x rows: [gate | up], `width` each.
template <typename T>
struct Swiglu {
  Rows<T> x, y;
  int64_t width;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> gate, up;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    const T* gate = x.row(row) + column;
    return {load_packed<kCount>(gate), load_packed<kCount>(gate + width)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const auto gate = unpack(loaded.gate), up = unpack(loaded.up);
    Elements<kCount> result;
#pragma unroll
    for (int i = 0; i < kCount; ++i) result.value[i] = gate.value[i] * sigmoid(gate.value[i]) * up.value[i];
    store_elements(y.row(row) + column, result);
  }
};

// silu'(g) = s * (1 + g * (1 - s)) with s = sigmoid(g).
template <typename T>
struct SwigluGradient {
  Rows<T> gradient, x, x_gradient;
  int64_t width;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> gradient, gate, up;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    const T* gate = x.row(row) + column;
    return {load_packed<kCount>(gradient.row(row) + column), load_packed<kCount>(gate),
            load_packed<kCount>(gate + width)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const auto dy = unpack(loaded.gradient), gate = unpack(loaded.gate), up = unpack(loaded.up);
    Elements<kCount> gate_gradient, up_gradient;
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float g = gate.value[i], s = sigmoid(g);
      gate_gradient.value[i] = dy.value[i] * up.value[i] * s * (1 + g * (1 - s));
      up_gradient.value[i] = dy.value[i] * g * s;
    }
    T* to = x_gradient.row(row) + column;
    store_elements(to, gate_gradient);
    store_elements(to + width, up_gradient);
  }
};

template <typename T, typename Function>
void map_biased(const char* name, const Matrix& x, const Matrix& bias, const Matrix& y, QueueHandle queue) {
  const Biased<T, Function> work{rows_of<T>(x), rows_of<T>(bias), rows_of<T>(y)};
  for_elements<T>(name, y, {x, bias, y}, work, queue);
}

template <typename T, typename Slope>
void map_gradient(const char* name, const Matrix& gradient, const Matrix& x, const Matrix& bias,
                  const Matrix& x_gradient, QueueHandle queue) {
  const BiasedGradient<T, Slope> work{rows_of<T>(gradient), rows_of<T>(x), rows_of<T>(bias),
                                      rows_of<T>(x_gradient)};
  for_elements<T>(name, x_gradient, {gradient, x, bias, x_gradient}, work, queue);
}

}  // namespace

template <typename T>
void CudaBackend<T>::bias_add(const Matrix& bias, const Matrix& x) {
  map_biased<T, Identity>("bias_add", x, bias, x, queue_);
}

template <typename T>
void CudaBackend<T>::gelu(const Matrix& x, const Matrix& bias, const Matrix& y) {
  map_biased<T, Gelu>("gelu", x, bias, y, queue_);
}

template <typename T>
void CudaBackend<T>::gelu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& bias,
                                   const Matrix& x_gradient) {
  map_gradient<T, GeluSlope>("gelu_gradient", gradient, x, bias, x_gradient, queue_);
}

template <typename T>
void CudaBackend<T>::swiglu(const Matrix& x, const Matrix& y) {
  for_elements<T>("swiglu", y, {x, y}, Swiglu<T>{rows_of<T>(x), rows_of<T>(y), y.columns}, queue_);
}

template <typename T>
void CudaBackend<T>::swiglu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& x_gradient) {
  const SwigluGradient<T> work{rows_of<T>(gradient), rows_of<T>(x), rows_of<T>(x_gradient), gradient.columns};
  for_elements<T>("swiglu_gradient", gradient, {gradient, x, x_gradient}, work, queue_);
}

template <typename T>
void CudaBackend<T>::tanh(const Matrix& bias, const Matrix& x) {
  map_biased<T, Tanh>("tanh", x, bias, x, queue_);
}

template <typename T>
void CudaBackend<T>::tanh_gradient(const Matrix& y, const Matrix& gradient) {
  map_gradient<T, TanhSlope>("tanh_gradient", gradient, y, Matrix{}, gradient, queue_);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
