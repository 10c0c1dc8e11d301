# shellcheck shell=bash
# Sourced by the lint tests with the root of the project as the only argument: goes there and defines what they share.
set -euo pipefail
cd "$1"

failures=0
fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

# Ends a test. One that looked at nothing has failed too.
finish() {
  echo "$1 checked, $failures failures" >&2
  (($1 > 0 && failures == 0))
}

# Files of the project for which the expression of `find` holds, one a line. Build folders and what editors leave in
# hidden ones are no part of it.
project_files() {
  find . \( -path './build*' -o -path './cmake-build*' -o -path './.*' ! -path ./.ci ! -path './.ci/*' \) -prune \
    -o -type f \( "$@" \) -print | sed 's|^\./||' | sort
}
