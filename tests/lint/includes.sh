#!/usr/bin/env bash
# Usage: includes.sh ROOT. Holds every #include to the rule of its folder:
#   costmodel     standard library, fmt, and of costmodel/ the own room and those below it:
#                 base < model, profile < ops < step < prices < time, memory < costmodel itself
#   costmodel/io  the same, all of costmodel/, and toml++; launch/: yaml-cpp, huggingface/: the JSON library instead
#   planner       costmodel/ and planner/ of the project, any library but those that parse input (toml++, CLI11)
#   kernels       standard library, fmt, Eigen, the BLAS's C interface, POSIX's loader, kernels/
#   kernels/cuda  the same, the number of the process, CUDA's libraries and cuDNN; kernels/cuda/emulation: CUDA's headers, Boost.Context
#   executor      standard library, fmt, headers of POSIX, costmodel/ with costmodel/io/, kernels/, executor/
#   executor/worlds/mpi_world.cpp  the same and MPI
#   cli           anything of the project, any library
# Files of the project are included from its root, in quotes; libraries in angle brackets. A source includes its own
# header first, which shows that the header compiles alone; a header begins with #pragma once. A folder of costmodel/ or
# executor/ holds at most 20 of them.
source "$(dirname "${BASH_SOURCE[0]}")/files.sh" "$1"

allowed() {  # FILE: a regular expression for what it may include
  local standard='<[a-z_]+>' fmt='<fmt/[a-z]+\.h>'
  local posix='<(unistd|fcntl|sys/[a-z]+)\.h>' executor='"(costmodel|kernels|executor)/.+"'
  case $1 in
    costmodel/io/huggingface/*) echo "$standard|$fmt|<nlohmann/json\.hpp>|\"costmodel/.+\"" ;;
    costmodel/io/launch/*) echo "$standard|$fmt|<yaml-cpp/yaml\.h>|\"costmodel/.+\"" ;;
    costmodel/io/*) echo "$standard|$fmt|<toml\+\+/toml\.h>|\"costmodel/.+\"" ;;
    costmodel/base/*) echo "$standard|$fmt|\"costmodel/base/.+\"" ;;
    costmodel/model/* | costmodel/profile/*) echo "$standard|$fmt|\"costmodel/(base|model|profile)/.+\"" ;;
    costmodel/ops/*) echo "$standard|$fmt|\"costmodel/(base|model|profile|ops)/.+\"" ;;
    costmodel/step/*) echo "$standard|$fmt|\"costmodel/(base|model|profile|ops|step)/.+\"" ;;
    costmodel/prices/*) echo "$standard|$fmt|\"costmodel/(base|model|profile|ops|step|prices)/.+\"" ;;
    costmodel/time/* | costmodel/memory/*)
      echo "$standard|$fmt|\"costmodel/(base|model|profile|ops|step|prices|time|memory)/.+\"" ;;
    costmodel/*) echo "$standard|$fmt|\"costmodel/([a-hj-z][a-z]+/.+|[a-z_]+\.h)\"" ;;
    planner/*) echo "$standard|$fmt|<(nlohmann|Eigen)/.+>|\"(costmodel|planner)/.+\"" ;;
    kernels/cuda/*)
      echo "$standard|<(dlfcn|unistd|cuda_[a-z0-9_]+|cublasLt|cudnn[a-z_]*|nvml|boost/context/.+)\.(h|hpp)>|\"kernels/.+\"" ;;
    kernels/*) echo "$standard|$fmt|<Eigen/[A-Za-z]+>|<(cblas|dlfcn)\.h>|\"kernels/.+\"" ;;
    executor/worlds/mpi_world.cpp) echo "$standard|$fmt|$posix|<mpi\.h>|$executor" ;;
    executor/*) echo "$standard|$fmt|$posix|$executor" ;;
    cli/*) echo "<.+>|\"(costmodel|planner|kernels|executor|cli)/.+\"" ;;
  esac
}

count=0
declare -A seen  # files, by folder
while read -r file; do
  count=$((count + 1))
  may=$(allowed "$file")
  includes=$(sed -nE 's| *//.*||; s/^ *# *include *//p' "$file")
  while read -r included; do
    [[ -z $included || $included =~ ^($may)$ ]] || fail "$file: may not include $included"
  done <<<"$includes"
  folder=${file%/*}
  [[ $folder != costmodel* && $folder != executor* ]] || seen[$folder]=$((${seen[$folder]-0} + 1))
  case $file in
    *.h | *.cuh) [[ $(head -n 1 "$file") == '#pragma once' ]] || fail "$file: does not begin with #pragma once" ;;
    *.cpp)
      header=${file%.cpp}.h
      [[ ! -e $header || ${includes%%$'\n'*} == "\"$header\"" ]] || fail "$file: does not include $header first"
      ;;
  esac
done < <(project_files \( -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' \) \
  \( -path './costmodel/*' -o -path './planner/*' -o -path './kernels/*' -o -path './executor/*' -o -path './cli/*' \))
for folder in "${!seen[@]}"; do
  ((seen[$folder] <= 20)) || fail "$folder: ${seen[$folder]} files, more than 20: make rooms by idea"
done
finish "$count"
