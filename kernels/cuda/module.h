#pragma once

#include "kernels/accelerator.h"

// What the loadable module of the CUDA backend (libparaplan_cuda.so) offers. The caller owns the result;
// throws DeviceError.
extern "C" paraplan::Accelerator* paraplan_make_accelerator();
