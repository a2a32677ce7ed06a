#!/usr/bin/env bash
# Runs a mixed load over HTTP for some minutes against a server with a Postgres of its own, and judges what a long life would show: memory,
# threads, descriptors, connections, rows, answers that nobody wanted. Prints the first third beside the last third; ends with 1 when
# something grew that should not. Needs Rust, psql, python3 and what `cargo run` needs.
#
#   infra/bench/soak.sh [--minutes 5] [--threads 6] [--devserver target/release/devserver] [--keep]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case " $* " in
  *" --devserver "*) ;;
  *) cargo build --release --workspace --bin devserver ;;
esac
exec python3 infra/bench/soak.py "$@"
