# Warnings for every target of the project; PARAPLAN_WERROR makes them errors (CI presets do).
option(PARAPLAN_WERROR "Treat warnings as errors" OFF)
add_library(paraplan_warnings INTERFACE)
target_compile_options(
  paraplan_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>
                              $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${PARAPLAN_WERROR}>>:-Werror>)
# g++ 12 takes optimised std::string concatenation for overlapping copies (GCC bug 105651, mended in 13), and
# its own AVX-512 intrinsics for uninitialised (bug 105593, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(
    paraplan_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-uninitialized>)
endif()
