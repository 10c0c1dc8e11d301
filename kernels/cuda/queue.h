#pragma once

struct CUstream_st;

namespace paraplan {

// A CUDA stream: work queued on it runs in order. Spelled without CUDA's headers.
using QueueHandle = CUstream_st*;

}  // namespace paraplan
