#include "kernels/cuda/flash_attention.cuh"

namespace paraplan {

template class CudaBackend<Half>;

}  // namespace paraplan
