#include "kernels/cuda/flash_attention.cuh"

namespace paraplan {

template class CudaBackend<float>;

}  // namespace paraplan
