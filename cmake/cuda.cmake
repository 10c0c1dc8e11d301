# The CUDA backend: one loadable module, so that the program starts quickly and runs where CUDA's libraries are not.
# Left out where there is no nvcc. cuDNN (with its C++ frontend headers) is used where both are found.
option(PARAPLAN_CUDA "Build the CUDA backend where nvcc is found" ON)

set(PARAPLAN_CUDA_FOUND OFF)
find_package(CUDAToolkit 12.4 QUIET)
if(PARAPLAN_CUDA AND CUDAToolkit_FOUND)
  include(CheckLanguage)
  if(NOT DEFINED CMAKE_CUDA_COMPILER AND CUDAToolkit_NVCC_EXECUTABLE)
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90) # machine code, and PTX of the last for what comes after
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(PARAPLAN_CUDA_FOUND ON)
  endif()
endif()

if(NOT PARAPLAN_CUDA_FOUND)
  message(STATUS "CUDA: not used; the build has no GPU backend")
  return()
endif()
enable_language(CUDA)
if(CMAKE_VERSION VERSION_LESS 3.26) # which does not know nvcc's option for C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
message(STATUS "CUDA: ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")

find_path(cudnn_frontend_include cudnn_frontend.h HINTS ${PARAPLAN_CUDNN_FRONTEND} ENV PARAPLAN_CUDNN_FRONTEND
          PATH_SUFFIXES include)
find_path(cudnn_include cudnn_graph.h HINTS ${PARAPLAN_CUDNN} ENV PARAPLAN_CUDNN ${CUDAToolkit_INCLUDE_DIRS}
          PATH_SUFFIXES include)
find_library(cudnn_library NAMES cudnn libcudnn.so.9 HINTS ${PARAPLAN_CUDNN} ENV PARAPLAN_CUDNN
             ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib lib64)

file(GLOB cuda_sources CONFIGURE_DEPENDS kernels/cuda/*.cu)
list(FILTER cuda_sources EXCLUDE REGEX "/module\\.cu$")
file(GLOB cuda_host_sources CONFIGURE_DEPENDS kernels/cuda/*.cpp)
list(FILTER cuda_host_sources EXCLUDE REGEX "/fused_attention.*\\.cpp$")
if(cudnn_frontend_include AND cudnn_include AND cudnn_library)
  message(STATUS "CUDA: fused attention of cuDNN (${cudnn_library})")
  list(APPEND cuda_host_sources kernels/cuda/fused_attention.cpp)
else()
  message(STATUS "CUDA: no cuDNN with C++ frontend headers found; attention uses paraplan's kernels")
  list(APPEND cuda_host_sources kernels/cuda/fused_attention_none.cpp)
endif()

add_library(paraplan_cuda_kernels STATIC ${cuda_sources} ${cuda_host_sources})
set_target_properties(paraplan_cuda_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_compile_options(
  paraplan_cuda_kernels
  PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>
          $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow>
          $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${PARAPLAN_WERROR}>>:-Werror=all-warnings;-Xcompiler=-Werror>)
target_include_directories(paraplan_cuda_kernels PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(paraplan_cuda_kernels PUBLIC paraplan_warnings CUDA::cudart CUDA::cublasLt ${CMAKE_DL_LIBS})
if(cudnn_frontend_include AND cudnn_include AND cudnn_library)
  target_include_directories(paraplan_cuda_kernels SYSTEM PRIVATE ${cudnn_frontend_include} ${cudnn_include})
  target_link_libraries(paraplan_cuda_kernels PUBLIC ${cudnn_library} CUDA::nvrtc) # the headers call both
endif()

add_library(paraplan_cuda MODULE kernels/cuda/module.cu)
target_link_libraries(paraplan_cuda PRIVATE paraplan_cuda_kernels)
add_dependencies(paraplan_kernels paraplan_cuda)
set(CMAKE_BUILD_RPATH ${CMAKE_BINARY_DIR}) # where programs find the module
