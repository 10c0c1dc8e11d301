#!/usr/bin/env bash
# Usage: installed.sh CMAKE BUILD. Installs the program, moves the installed folder, and works with a copied scenario
# in an empty folder: models, profiles and measured rows are those of the installation.
set -euo pipefail
unset PARAPLAN_DATA
work=$(realpath "$(mktemp -d)")
trap 'rm -rf "$work"' EXIT
"$1" --install "$2" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
share=$work/moved/share/paraplan
mkdir "$work/empty"
cp "$share/scenarios/megatron2023_gpt2_v100.toml" "$work/empty/my.toml"
cd "$work/empty"
paraplan() { ../moved/bin/paraplan "$@"; }

paraplan plan my.toml --top 1 --out plan.toml
paraplan validate my.toml --summary >/dev/null

sed -i 's/^software = .*/software = "none"/' my.toml
error=$(paraplan plan my.toml 2>&1) && { echo 'planned with software "none"' >&2; exit 1; }
[[ $error == *"there is no none.toml in $share/profiles/software;"* ]] || { echo "not looked for there: $error" >&2; exit 1; }

# Completions and manual page of the program that is installed.
for file in bash-completion/completions/paraplan zsh/site-functions/_paraplan fish/vendor_completions.d/paraplan.fish man/man1/paraplan.1; do
  grep -q 'objective' "$work/moved/share/$file" || { echo "no --objective in share/$file" >&2; exit 1; }
done
COMP_WORDS=(paraplan plan --objective m) COMP_CWORD=3
source "$work/moved/share/bash-completion/completions/paraplan"
_paraplan
[[ ${COMPREPLY[*]} == memory ]] || { echo "completed to ${COMPREPLY[*]}" >&2; exit 1; }
