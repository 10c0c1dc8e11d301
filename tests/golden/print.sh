#!/usr/bin/env bash
# Usage: print.sh PARAPLAN NAME. Prints what the case prints, without the time the search took.
set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
paraplan=$(realpath "$1")
cd "$folder/../.."
read -r -a arguments <"$folder/$2.args"
"$paraplan" "${arguments[@]}" | sed -E 's/priced in [0-9.]+ s/priced in ... s/'
