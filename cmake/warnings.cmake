# Warnings for every target of the project; PARAPLAN_WERROR makes them errors (CI presets do).
option(PARAPLAN_WERROR "Treat warnings as errors" OFF)
add_library(paraplan_warnings INTERFACE)
target_compile_options(paraplan_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                   -Wno-sign-conversion $<$<BOOL:${PARAPLAN_WERROR}>:-Werror>)
