#!/usr/bin/env bash
# Usage: check.sh PARAPLAN NAME. Fails, showing the difference, when the case prints something else than expected.
# Where the change is meant: tests/golden/regenerate, then read the difference before it is committed.
set -euo pipefail
folder=$(dirname "${BASH_SOURCE[0]}")
diff -u "$folder/$2.expected" <(bash "$folder/print.sh" "$1" "$2")
