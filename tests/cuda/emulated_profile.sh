#!/usr/bin/env bash
# Usage: emulated_profile.sh PARAPLAN FOLDER_OF_MODULE SCENARIO. Profiles the emulated GPU for a small scenario, goes on
# with the profile, and plans with it: every op of every layout must have a measured or interpolated price.
set -euo pipefail
paraplan=$1 scenario=$3
export LD_LIBRARY_PATH=$2${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$paraplan" profile --device cuda --out "$work/gpu.toml" --for "$scenario" --budget-s 1 # too little, on purpose
"$paraplan" profile --device cuda --out "$work/gpu.toml" --for "$scenario" --budget-s 300
again=$("$paraplan" profile --device cuda --out "$work/gpu.toml" --for "$scenario" --budget-s 300)
echo "$again"
grep -q ' 0 of them new' <<<"$again"

here=$(cd "$(dirname "$scenario")" && pwd)
sed "s|^hardware = .*|hardware = \"$work/gpu.toml\"|; s|^model = \"\(.*\)\"|model = \"$here/models/\1.toml\"|
     s|^software = \"\(.*\)\"|software = \"$here/../../../profiles/software/\1.toml\"|" "$scenario" >"$work/scenario.toml"
"$paraplan" plan "$work/scenario.toml" --top 3
"$paraplan" plan "$work/scenario.toml" --top 3 --json >"$work/plan.json"
grep -c '"datasheet": 0.0' "$work/plan.json" | grep -qx 3
! grep '"datasheet"' "$work/plan.json" | grep -v '"datasheet": 0.0'
