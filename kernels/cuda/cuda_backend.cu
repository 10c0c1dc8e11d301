#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/element.cuh"

namespace paraplan {

template <typename T>
CudaBackend<T>::CudaBackend(QueueHandle queue)
    : queue_(queue),
      processors_(count_processors()),
      product_workspace_(kProductBytes),
      scratch_(kScratchBytes),
      products_(kElementType<T>, queue, product_workspace_.data(), kProductBytes),
      fused_attention_(kElementType<T>, queue) {}

template <typename T>
ElementType CudaBackend<T>::element_type() const {
  return kElementType<T>;
}

// What the library cannot do behind the product is taken off it, the last step first, and done by kernels.
template <typename T>
void CudaBackend<T>::gemm(const Gemm& product) {
  if (products_.gemm(product)) return;
  Gemm rest = product;
  if (product.bias_gradient.data != nullptr) {
    rest.bias_gradient = {};
    gemm(rest);
    bias_gradient(product.c, product.bias_gradient);
  } else if (product.epilogue == Epilogue::gelu_gradient) {
    rest.epilogue = Epilogue::none;
    gemm(rest);
    gelu_gradient(product.c, product.pre_activation, {}, product.c);
  } else if (product.epilogue == Epilogue::gelu) {
    rest.epilogue = Epilogue::none;
    rest.c = product.pre_activation;
    gemm(rest);
    gelu(product.pre_activation, {}, product.c);
  } else {
    rest.bias = {};
    gemm(rest);
    bias_add(product.bias, product.c);
  }
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
