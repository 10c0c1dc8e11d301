#!/usr/bin/env bash
# Usage: run_failure.sh CASE LAUNCHER... Runs LAUNCHER... CASE, where one rank fails while the others wait. Passes when
# the whole job ends within seconds with the exit code and the text that belong to the case.
set -euo pipefail
case=$1
shift

most_seconds=30
case $case in
  error) code=1 text='paraplan: rank 2: told to fail' ;;
  input_error) code=2 text='paraplan: rank 2: tokens.bin: too short' ;;
  wrong_size) code=1 text='paraplan: rank 1: message from rank 0 to rank 1 with tag 4: 12 bytes sent, 16 bytes expected' ;;
  wrong_rank) code=1 text='MPI_Isend: MPI_ERR_RANK: invalid rank' ;;
  killed) code=137 text='rank 2' ;;  # the launcher's own words
  *) echo "no such case: $case" >&2 && exit 2 ;;
esac

status=0
output=$(timeout --signal=KILL "$most_seconds" "$@" "$case" 2>&1) || status=$?
echo "$output"
if ((status != code)); then
  echo "exit code $status, not $code" >&2
  exit 1
fi
if [[ $output != *"$text"* ]]; then
  echo "the output does not contain: $text" >&2
  exit 1
fi
