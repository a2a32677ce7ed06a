"""The load of flows.sh: starts runs over HTTP, reads their times from the run itself and the work from Postgres' counters."""

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

facts = json.load(open(sys.argv[1]))
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 20


def call(method, path, body=None, prefer=None):
    request = urllib.request.Request(facts["url"] + path, method=method)
    request.add_header("authorization", "Bearer " + facts["token"])
    request.add_header("x-workspace-id", facts["workspace_id"])
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    if prefer:
        request.add_header("prefer", prefer)
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def psql(sql):
    done = subprocess.run(
        ["psql", "-XAtq", "-d", facts["database_url"], "-c", sql], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def save(flow):
    call("POST", "/api/v1/flows", flow)
    return flow["id"]


def chain(length):
    steps = [{"id": "s0", "transform": "{{ input.n }}"}]
    for i in range(1, length):
        steps.append({"id": f"s{i}", "transform": "{{ steps.s%d.output + 1 }}" % (i - 1)})
    return save({"id": f"chain-{length}", "name": "chain", "steps": steps, "timeout_ms": 3_600_000})


def fan_out(width):
    steps = [{"id": "start", "transform": "{{ input.n }}"}]
    for i in range(width):
        steps.append({"id": f"b{i}", "transform": "{{ steps.start.output + %d }}" % i})
    steps.append({"id": "join", "transform": "{{ steps.b0.output }}", "depends_on": [f"b{i}" for i in range(width)]})
    return save({"id": f"fan-{width}", "name": "fan", "steps": steps})


def for_each(width):
    """A code-based tool without I/O, so that what is measured is the engine and one recorded execution per item."""
    return save({
        "id": f"each-{width}", "name": "each",
        "steps": [{
            "id": "all", "tool": "calculate", "for_each": "{{ range(%d) | list }}" % width, "max_concurrency": 100,
            "input": {"expression": "{{ index }} + 1"},
        }],
    })


def milliseconds(run):
    begin, end = (datetime.fromisoformat(run[name].replace("Z", "+00:00")) for name in ("created_at", "finished_at"))
    return (end - begin).total_seconds() * 1000


def run(flow):
    """Starts a run and waits for its end; the time is the database's own."""
    started = call("POST", f"/api/v1/flows/{flow}/execute", {"input": {"n": 1}}, "wait=1")
    path = f"/api/v1/flows/{flow}/runs/{started['run_id']}?limit=1"
    while True:
        seen = call("GET", path)
        if "finished_at" in seen:
            assert seen["status"] == "succeeded", seen
            return milliseconds(seen)
        time.sleep(0.05)


def counters():
    engine = "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname in ('advance_run', 'start_run')"
    return (int(psql(engine)), int(psql("select xact_commit from pg_stat_database where datname = current_database()")))


def measured(name, flow, steps, rounds, at_once=1):
    run(flow)
    time.sleep(1.5)
    before, began = counters(), time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        times = list(pool.map(lambda _: run(flow), range(rounds)))
    wall = time.monotonic() - began
    time.sleep(1.5)
    turns = counters()[0] - before[0]
    total = steps * rounds
    print(
        f"{name:34} p50 {statistics.median(times):9.1f} ms   {total / wall:8.0f} steps/s"
        f"   turns (commits) per step {turns / total:5.2f}",
        flush=True,
    )
    return statistics.median(times) / steps


def commit_ms():
    """One-row commits from one session: the floor of anything that commits once per step."""
    rows = 500
    psql("create table if not exists public.bench_commits (id int primary key, n int); "
         "insert into public.bench_commits values (1, 0) on conflict do nothing")
    script = "\\timing off\n" + "update public.bench_commits set n = n + 1 where id = 1;\n" * rows
    began = time.monotonic()
    subprocess.run(["psql", "-XAtq", "-d", facts["database_url"]], input=script, check=True, text=True)
    return (time.monotonic() - began) * 1000 / rows


psql("alter system set track_functions = 'all'")
psql("select pg_reload_conf()")
commit = commit_ms()
print(f"{'one-row commit, one session':34} {commit:9.3f} ms", flush=True)
ten = measured("chain of 10", chain(10), 10, ROUNDS)
print(f"{'':34} per step {ten:.3f} ms = {ten / commit:.1f} one-row commits", flush=True)
measured("16 chains of 10 at once", "chain-10", 10, ROUNDS * 8, 16)
measured("fan-out of 100 with join", fan_out(100), 102, ROUNDS)
measured("for_each of 1,000 (100 at once)", for_each(1_000), 1_001, max(2, ROUNDS // 5))
growth = {length: measured(f"chain of {length:,}", chain(length), length, 2) for length in (100, 1_000, 10_000)}
print(f"{'growth':34} per step, 10,000 against 100: {growth[10_000] / growth[100]:.2f}", flush=True)
