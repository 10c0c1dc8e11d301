#include "kernels/cuda/cuda_accelerator.h"
#include "kernels/cuda/module.h"

paraplan::Accelerator* paraplan_make_accelerator() {
  return paraplan::make_cuda_accelerator().release();
}
