#!/usr/bin/env bash
# Runs prompts over HTTP with everything switched on, beside a bare agent loop, in turns on one machine, against a model server that
# does not think. Prints the time of a run with one call and with five calls in one turn. Needs nothing but Rust and what `cargo run`
# needs. Arguments go to the bench, such as: infra/bench/orchestrate.sh --seconds 10
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release --workspace --bin devserver --bin bench
exec target/release/bench orchestrate "$@"
