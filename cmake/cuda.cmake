# The CUDA backend: one loadable module, so that the program starts quickly and runs where CUDA's libraries are not.
# Left out where there is no nvcc. cuDNN (with its C++ frontend headers) is used where both are found.
set(PARAPLAN_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO where nvcc and a GPU are found, ON where nvcc is, OFF")
# Without a GPU that says it: machine code, and PTX of the last for what comes after.
set(PARAPLAN_CUDA_ARCHITECTURES 80-real 90 CACHE STRING "What the CUDA backend is built for where no GPU is found")

# Architectures of this machine's GPUs: 90 for compute capability 9.0.
execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                OUTPUT_VARIABLE gpus RESULT_VARIABLE no_gpus ERROR_QUIET)
string(REGEX MATCHALL "[0-9]+\\.[0-9]+" gpus "${gpus}")
if(no_gpus)
  set(gpus)
endif()
string(REPLACE "." "" gpus "${gpus}")
list(REMOVE_DUPLICATES gpus)

find_package(CUDAToolkit 12.4 QUIET)
find_path(cuda_headers cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS})

# Host code that the emulation in tests/cuda links as well.
function(cuda_host_code name)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${ARGN})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE paraplan_warnings)
endfunction()
cuda_host_code(cuda_algorithm_choice kernels/cuda/algorithm_choice.cpp)
if(cuda_headers)
  cuda_host_code(cuda_products kernels/cuda/product_plan.cpp kernels/cuda/products.cpp)
  target_include_directories(cuda_products SYSTEM PRIVATE ${cuda_headers})
endif()

add_custom_target(gpu_backend) # empty where it is left out
set(PARAPLAN_CUDA_FOUND OFF)
set(wanted ${PARAPLAN_CUDA})
if(PARAPLAN_CUDA STREQUAL AUTO AND NOT gpus)
  set(wanted OFF)
endif()
if(wanted AND CUDAToolkit_FOUND)
  include(CheckLanguage)
  if(NOT DEFINED CMAKE_CUDA_COMPILER AND CUDAToolkit_NVCC_EXECUTABLE)
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES ${PARAPLAN_CUDA_ARCHITECTURES})
    if(gpus)
      list(TRANSFORM gpus APPEND -real OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)
    endif()
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(PARAPLAN_CUDA_FOUND ON)
  endif()
endif()

if(NOT PARAPLAN_CUDA_FOUND)
  message(STATUS "CUDA: not used; the build has no GPU backend (PARAPLAN_CUDA=${PARAPLAN_CUDA})")
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
list(FILTER cuda_host_sources EXCLUDE REGEX "/(fused_attention.*|algorithm_choice|product_plan|products)\\.cpp$")
if(cudnn_frontend_include AND cudnn_include AND cudnn_library)
  message(STATUS "CUDA: fused attention of cuDNN (${cudnn_library})")
  list(APPEND cuda_host_sources kernels/cuda/fused_attention.cpp)
  # The headers take the compiler a minute; their JSON, which nothing here needs, half of it.
  set_source_files_properties(kernels/cuda/fused_attention.cpp PROPERTIES
    COMPILE_DEFINITIONS CUDNN_FRONTEND_SKIP_JSON_LIB COMPILE_OPTIONS "${paraplan_compile_quickly}")
else()
  message(STATUS "CUDA: no cuDNN with C++ frontend headers found; attention uses paraplan's kernels")
  list(APPEND cuda_host_sources kernels/cuda/fused_attention_none.cpp)
endif()

add_library(paraplan_cuda_kernels STATIC ${cuda_sources} ${cuda_host_sources})
set_target_properties(paraplan_cuda_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON UNITY_BUILD OFF)
target_compile_options(
  paraplan_cuda_kernels
  PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>
          $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow>
          $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${PARAPLAN_WERROR}>>:-Werror=all-warnings;-Xcompiler=-Werror>)
target_include_directories(paraplan_cuda_kernels PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(paraplan_cuda_kernels PUBLIC paraplan_warnings CUDA::cudart CUDA::cublasLt ${CMAKE_DL_LIBS}
                                            PRIVATE cuda_algorithm_choice cuda_products)
if(cudnn_frontend_include AND cudnn_include AND cudnn_library)
  target_include_directories(paraplan_cuda_kernels SYSTEM PRIVATE ${cudnn_frontend_include} ${cudnn_include})
  target_link_libraries(paraplan_cuda_kernels PUBLIC ${cudnn_library} CUDA::nvrtc) # the headers call both
endif()

add_library(paraplan_cuda MODULE kernels/cuda/module.cu)
target_link_libraries(paraplan_cuda PRIVATE paraplan_cuda_kernels)
add_dependencies(gpu_backend paraplan_cuda)
set(CMAKE_BUILD_RPATH ${CMAKE_BINARY_DIR}) # where programs find the module
