#!/usr/bin/env bash
# Usage: output.sh ROOT. What is written is checked in two places, and nothing is written past them: files by
# costmodel/io/files/files.cpp, standard output by cli/print.cpp.
source "$(dirname "${BASH_SOURCE[0]}")/files.sh" "$1"

files='\bofstream\b|\bfopen\('
standard_output='std::cout|(^|[^/[:alnum:]_])stdout\b|\bputs\(|\bputchar\(|(^|[^[:alnum:]_n])printf\('
count=0
while read -r file; do
  count=$((count + 1))
  [[ $file == costmodel/io/files/files.cpp ]] || while read -r hit; do
    fail "$file:$hit: files are written by costmodel/io/files/files.h"
  done < <(grep -nE "$files" "$file" || true)
  [[ $file == cli/print.cpp ]] || while read -r hit; do
    fail "$file:$hit: standard output is written by cli/print.h"
  done < <(grep -nE "$standard_output" "$file" || true)
  # The first argument may be on the next line.
  ! tr '\n' ' ' <"$file" | grep -qP 'fmt::print\(\s*+(?!stderr\b)' ||
    fail "$file: fmt::print to standard output; cli/print.h writes there"
done < <(project_files \( -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) \
  \( -path './costmodel/*' -o -path './planner/*' -o -path './kernels/*' -o -path './executor/*' -o -path './cli/*' \))
finish "$count"
