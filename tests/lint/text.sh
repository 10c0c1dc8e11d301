#!/usr/bin/env bash
# Usage: text.sh ROOT. Sources have at most 400 lines; no file names a folder of one machine; scripts parse.
source "$(dirname "${BASH_SOURCE[0]}")/files.sh" "$1"

most_lines=400
count=0
while read -r file; do
  count=$((count + 1))
  lines=$(wc -l <"$file")
  ((lines <= most_lines)) || fail "$file: $lines lines, more than $most_lines: split it by idea"
done < <(project_files -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu' -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.sh' \
  -o -path './tools/*' -o -path './.ci/*')

while read -r file; do
  count=$((count + 1))
  while read -r hit; do
    fail "$file:$hit: a path of one machine"
  done < <(grep -nIE '(^|[^[:alnum:]_.-])/(home|root|Users|mnt|tmp)/[[:alnum:]]' "$file" || true)
done < <(project_files -name '*')

while read -r file; do
  head -n 1 "$file" | grep -q '^#!.*bash' || [[ $file == *.sh ]] || continue
  count=$((count + 1))
  bash -n "$file" || fail "$file: does not parse"
done < <(project_files -name '*.sh' -o -path './tools/*' -o -path './.ci/*')
finish "$count"
