#!/usr/bin/env bash
# Runs flows over HTTP with everything switched on, beside single-row commits on the same Postgres in the same minute: a chain of ten
# steps, sixteen such chains at once, a fan-out of a hundred with a join, a for_each of a thousand items, and chains of 100, 1,000 and
# 10,000 steps for the growth. Prints times, steps per second, commits and statements per step. Needs Rust, psql, python3 and what
# `cargo run` needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release --workspace --bin devserver
data=$(mktemp -d)
target/release/devserver --port 0 --data-dir "$data" >"$data/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 600); do [ -s "$data/devserver.json" ] && break; sleep 0.1; done
exec 3>&1
python3 infra/bench/flows.py "$data/devserver.json" "$@"
