#!/usr/bin/env bash
# Usage: kill_ranks.sh PARAPLAN MPIRUN REPETITIONS. Each time: trains on four processes, kills one of them at a random
# moment with SIGKILL, and checks that the launcher ends within ten seconds, fails, names the rank, and leaves no process
# behind. Exit code 77 where there is no Open MPI to test.
set -euo pipefail
paraplan=$1 mpirun=$2 repetitions=$3

most_seconds=10
launcher=$("$mpirun" --version 2>/dev/null || true) program=$("$paraplan" --version)
if ! grep -qE 'Open MPI|OpenRTE' <<<"$launcher" || ! grep -qx 'MPI: yes' <<<"$program"; then
  echo "no Open MPI: skipped"
  exit 77
fi

# Containers run as root, and have fewer cores than ranks, which then yield.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
cat >"$scratch/scenario.toml" <<TOML
model = "$root/scenarios/models/gpt_small_cpu.toml"
hardware = "$root/profiles/hardware/generic_cpu.toml"
software = "$root/profiles/software/paraplan.toml"
[cluster]
nodes = 1
devices_per_node = 4
[training]
seq_length = 32
global_batch = 8
precision = "fp32"
TOML

# The folder's name is in the command line of every process of the job and of no other.
processes() {
  pgrep -f -- "--out $scratch/run.toml" || true
}
ranks() {
  pgrep -f -- "^$paraplan run .*--out $scratch/run.toml" || true
}
clean() {
  local pid
  for pid in $(processes); do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap clean EXIT
fail() {
  echo "repetition $repetition: $*" >&2
  cat "$scratch/output" >&2
  exit 1
}
rank_of() {
  tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p'
}

for ((repetition = 1; repetition <= repetitions; ++repetition)); do
  "$mpirun" -n 4 "$paraplan" run "$scratch/scenario.toml" --layout data=2,pipeline=2 --steps 100000000 \
    --out "$scratch/run.toml" >"$scratch/output" 2>&1 &
  launcher=$!
  waited=0
  until (($(ranks | wc -l) == 4)); do
    ((++waited < 200)) || fail "four processes have not started within ten seconds"
    sleep 0.05
  done
  sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 1000)))"
  mapfile -t pids < <(ranks)
  victim=${pids[RANDOM % 4]}
  rank=$(rank_of "$victim")
  kill -KILL "$victim"

  waited=0
  while kill -0 "$launcher" 2>/dev/null; do
    ((++waited < 20 * most_seconds)) || fail "still runs $most_seconds s after rank $rank was killed"
    sleep 0.05
  done
  status=0
  wait "$launcher" || status=$?
  ((status != 0)) || fail "exit code 0 though rank $rank was killed"
  grep -q "rank $rank " "$scratch/output" || fail "the output does not name rank $rank"
  [[ -z $(processes) ]] || fail "left behind: $(processes | tr '\n' ' ')"
done
echo "$repetitions times killed: no hang, no process left"
