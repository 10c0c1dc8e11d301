#include "kernels/cuda/flash_attention.cuh"

namespace paraplan {

template class CudaBackend<Bfloat16>;

}  // namespace paraplan
