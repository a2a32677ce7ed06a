#!/usr/bin/env bash
# The stack of template.yaml on this machine, from a clean clone: installs what is absent, builds, starts everything.
#
#   infra/local-aws/run.sh [--demo] [options of local-aws; --help lists them]
#
# --demo starts it, tells its story with curl, each step's answer, and stops it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export SAM_CLI_TELEMETRY=0

demo=
if [ "${1:-}" = --demo ]; then demo=1 && shift; fi

{
  source .ci/tools
  command -v cargo >/dev/null || fail "install Rust (stable): cargo is missing"
  debian_packages
  python_tools
  # Everything at once: building one program alone chooses other features.
  step "Build"
  cargo build --workspace --bins
  # Where it put them, whatever CARGO_TARGET_DIR says.
  target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug
} >&2

# Given later, another --bin-dir wins.
start=("$target/local-aws" --bin-dir "$target" "$@")
[ "$demo" ] || exec "${start[@]}"

# --- the story --------------------------------------------------------------------------------------------------------------

data=$(mktemp -d "${TMPDIR:-/tmp}/local-aws.XXXXXX")
"${start[@]}" --port 0 --data-dir "$data" >"$data/told" 2> >(tee "$data/progress" >&2) &
stack=$!
trap 'kill "$stack" 2>/dev/null; wait "$stack" 2>/dev/null || true; rm -rf "$data"' EXIT
until [ -e "$data/local-aws.json" ]; do
  kill -0 "$stack" 2>/dev/null || { cat "$data/progress" >&2; fail "it does not start"; }
  sleep 0.2
done

fact() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$data/local-aws.json"; }
url=$(fact url)
upstream=http://$(fact upstream)
alice=$(fact alice@example.com)
bob=$(fact bob@example.com)

# Each step says who does what, and shows what was answered: the status, then the body.
say() { printf '\n--- %s\n' "$1"; }
as() { local token=$1 path=$2; shift 2; curl -sS -w '\n' -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@" "$url$path"; }
alice() { as "$alice" "$@" -w '\n[%{http_code}]\n'; }
bob() { as "$bob" "$@" -w '\n[%{http_code}]\n'; }

say "Health, by the function system"
curl -sS -w '\n[%{http_code}]\n' "$url/health"
say "Alice has a workspace"
alice /api/v1/workspaces -d '{"name":"Alice","slug":"alice"}'
say "She stores a secret: its value goes to Secrets Manager"
alice /api/v1/secrets -d '{"name":"API_KEY","value":"alices-own-key-0001"}'
say "She registers a tool"
alice /api/v1/tools -d '{
  "name": "stock_price",
  "description": "The latest price of one listed share",
  "api": { "base_url": "'"$upstream"'/query", "method": "GET",
           "auth": { "method": "api_key_query", "key_name": "apikey", "secret_ref": "${API_KEY}" } },
  "input_schema":  { "properties": { "symbol": { "type": "string" } } },
  "output_schema": { "properties": { "price": { "type": "number" } } },
  "mapping": { "input_to_params": { "symbol": "symbol" }, "response_to_output": { "price": "Global Quote.05. price" } }
}'
say "She gets one wrong"
alice /api/v1/tools -d '{"name":"x","api":{"base_url":"'"$upstream"'","method":"FETCH"}}'
say "She runs it: the function reads the secret, calls the upstream, masks the answer"
alice /api/v1/tools/stock_price/execute -d '{"input":{"symbol":"IBM"}}'
say "A model (a scripted one) calls it"
alice /api/v1/orchestrate -d '{"prompt":"What is the stock price of IBM?","tools":["stock_price"]}'
say "The same, streamed through the gateway"
alice /api/v1/orchestrate/stream -N -d '{"prompt":"What is the stock price of IBM?","tools":["stock_price"]}'
say "A flow over it that asks first"
alice /api/v1/flows -d '{
  "id": "priced", "name": "Priced", "description": "Prices a position after somebody has approved it",
  "input_schema": { "type": "object", "properties": { "symbol": { "type": "string" }, "shares": { "type": "number" } }, "required": ["symbol", "shares"] },
  "steps": [
    { "id": "quote", "tool": "stock_price", "input": { "symbol": "{{ input.symbol }}" } },
    { "id": "approve", "depends_on": ["quote"], "wait": { "approval": "May it be told?" } },
    { "id": "worth", "depends_on": ["approve"], "transform": "{{ (steps.quote.output.price * input.shares) | round(2) }}" }
  ],
  "output": { "value": "{{ steps.worth.output }}" }
}'
say "Its start is on disk, and a hint about its first step is in the queue"
started=$(alice /api/v1/flows/priced/execute -d '{"input":{"symbol":"IBM","shares":12}}')
printf '%s\n' "$started"
run=/api/v1/flows/priced/runs/$(sed -n 's/.*"run_id":"\([^"]*\)".*/\1/p' <<<"$started")
say "Its events, until it waits for somebody: the worker took the hint from the queue"
# The stream goes on; what is awaited ends the reading.
exec 3< <(exec curl -sSN -H "Authorization: Bearer $alice" "$url$run/events")
reader=$!
while IFS= read -r line <&3; do
  printf '%s\n' "$line"
  if [[ $line == data:*step.awaiting* ]]; then break; fi
done
kill "$reader" && exec 3<&-
say "Alice approves"
alice "$run/steps/approve/signal" -d '{"approved":true}'
say "The rest of its events"
alice "$run/events" -N
say "The run"
alice "$run"
say "Alice publishes the tool"
alice /api/v1/tools/stock_price/publish -X POST
say "Bob, in a workspace of his own, finds it, installs it, binds a secret of his, and runs it"
bob /api/v1/workspaces -d '{"name":"Bob","slug":"bob"}'
curl -sS -w '\n[%{http_code}]\n' "$url/api/v1/marketplace?q=share+price"
bob /api/v1/marketplace/alice_stock_price/install -d '{"secrets":{"API_KEY":"QUOTE_KEY"}}'
bob /api/v1/secrets -d '{"name":"QUOTE_KEY","value":"bobs-own-key-0002"}'
bob /api/v1/tools/stock_price/execute -d '{"input":{"symbol":"IBM"}}'
say "Nobody's token, and no such route"
curl -sS -w '\n[%{http_code}]\n' "$url/api/v1/tools"
curl -sS -w '\n[%{http_code}]\n' "$url/api/v2/tools"
say "A preflight, answered by the gateway alone"
curl -sS -o /dev/null -w '[%{http_code}]\n' -D - -X OPTIONS "$url/api/v1/tools" | tr -d '\r' | sed -n '/^access-control/p;/^\[/p'
say "No log has a secret's value"
! grep -rlE 'alices-own-key-0001|bobs-own-key-0002' "$data/logs" && echo "none of $(ls "$data/logs" | wc -l) logs"
