# What makes the build itself quick; the presets release and ci compile several sources in one go as well.

# For what parses, searches, prints or tests: its time goes elsewhere, and it compiles in two thirds of the time.
set(paraplan_compile_quickly $<$<CONFIG:Release>:-O1>)

# ccache, where the caller has not chosen a launcher. It reads what was included from the compiler's dependency files
# instead of preprocessing once more.
find_program(ccache ccache)
if(ccache AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_DEPEND=1 ${ccache})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${ccache})
endif()
