#!/usr/bin/env bash
# Usage: text.sh ROOT. Sources have at most 400 lines; no file names a folder of one machine; scripts parse.
source "$(dirname "${BASH_SOURCE[0]}")/files.sh" "$1"

most_lines=400
mapfile -t sources < <(project_files -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' -o -name '*.cmake' \
  -o -name CMakeLists.txt -o -name '*.sh' -o -path './tools/*' -o -path './.ci/*')
while read -r lines file; do
  [[ $file == total ]] || ((lines <= most_lines)) || fail "$file: $lines lines, more than $most_lines: split it by idea"
done < <(wc -l "${sources[@]}")

mapfile -t files < <(project_files -name '*')
while read -r hit; do
  fail "$hit: a path of one machine"
done < <(grep -nIHE '(^|[^[:alnum:]_.-])/(home|root|Users|mnt|tmp)/[[:alnum:]]' "${files[@]}" || true)

count=$((${#sources[@]} + ${#files[@]}))
while read -r file; do
  head -n 1 "$file" | grep -q '^#!.*bash' || [[ $file == *.sh ]] || continue
  count=$((count + 1))
  bash -n "$file" || fail "$file: does not parse"
done < <(project_files -name '*.sh' -o -path './tools/*' -o -path './.ci/*')
finish "$count"
