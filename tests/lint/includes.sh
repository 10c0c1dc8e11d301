#!/usr/bin/env bash
# Usage: includes.sh ROOT. Holds every #include to the rule of its folder:
#   costmodel     standard library, fmt, costmodel/ without costmodel/io/
#   costmodel/io  the same, costmodel/io/ and toml++
#   planner       costmodel/ and planner/ of the project, any library but those that parse input (toml++, CLI11)
#   cli           anything of the project, any library
# Files of the project are included from its root, in quotes; libraries in angle brackets.
source "$(dirname "${BASH_SOURCE[0]}")/files.sh" "$1"

allowed() {  # FILE: a regular expression for what it may include
  local standard='<[a-z_]+>' fmt='<fmt/[a-z]+\.h>'
  case $1 in
    costmodel/io/*) echo "$standard|$fmt|<toml\+\+/toml\.h>|\"costmodel/.+\"" ;;
    costmodel/*) echo "$standard|$fmt|\"costmodel/[^/]+\"" ;;
    planner/*) echo "$standard|$fmt|<(nlohmann|Eigen)/.+>|\"(costmodel|planner)/.+\"" ;;
    cli/*) echo "<.+>|\"(costmodel|planner|cli)/.+\"" ;;
  esac
}

count=0
while read -r file; do
  count=$((count + 1))
  while IFS=: read -r line text; do
    included=$(sed -E 's/^ *# *include *//; s| *//.*||' <<<"$text")
    [[ $included =~ ^($(allowed "$file"))$ ]] || fail "$file:$line: may not include $included"
  done < <(grep -nE '^ *# *include' "$file" || true)
done < <(project_files -path './costmodel/*.h' -o -path './costmodel/*.cpp' -o -path './planner/*.h' \
  -o -path './planner/*.cpp' -o -path './cli/*.h' -o -path './cli/*.cpp')
finish "$count"
