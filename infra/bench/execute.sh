#!/usr/bin/env bash
# Runs a tool over HTTP with everything switched on, beside a bare axum + reqwest proxy, in turns on one machine.
# Prints throughput, own CPU, overhead over the upstream itself, memory and start, and the ratios. Needs nothing but Rust and
# what `cargo run` needs. Arguments go to the bench, such as: infra/bench/execute.sh --seconds 10
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release --workspace --bin devserver --bin bench
exec target/release/bench execute "$@"
