"""The load of soak.sh, its samples and its judgement."""

import argparse
import collections
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# Connections that the server is allowed; the judgement holds it to them.
POOL = 16
# Seconds between two looks at the process, and between two counts of all rows.
LOOK, COUNT = 2.0, 10.0
# What resident memory may grow by, after the first third: so much for the allocator's sake, and so much a minute.
ROOM_MB, MB_PER_MINUTE = 8.0, 0.5
# A transaction that is idle for so many seconds has been forgotten.
FORGOTTEN_S = 10
# Tools that the load registers, revises and retires.
TOOLS = 40

# Tables that grow with what is done, and what bounds them (docs/operate.md, docs/analytics.md, shared/runtime/src/sweep.rs).
LOGS = {
    "orchestration.executions": "the log of calls: EXECUTIONS_KEEP_DAYS",
    "orchestration.execution_rollups": "ANALYTICS_HOURS_KEEP_DAYS, ANALYTICS_DAYS_KEEP_DAYS",
    "orchestration.token_rollups": "ANALYTICS_HOURS_KEEP_DAYS, ANALYTICS_DAYS_KEEP_DAYS",
    "orchestration.runs": "90 days after its end (shared/workflow/src/sweep.rs)",
    "orchestration.run_steps": "with its run",
    "orchestration.run_edges": "with its run",
    "orchestration.run_events": "with its run",
    "orchestration.step_attempts": "with its run",
    "orchestration.signals": "with its run",
    "orchestration.conversations": "90 days",
    "orchestration.idempotency": "until the key's time is over",
    "orchestration.slots": "until the limit's time is over",
    "orchestration.outputs": "a day",
}
# Tables that are a record of what people did, and kept for ever.
RECORDS = {
    "secrets.audit": "kept for ever: each use of a secret, each change",
    "catalog.tool_versions": "kept for ever: each save",
}

QUOTE = {"symbol": "IBM", "price": 185.2}


class Upstream(http.server.BaseHTTPRequestHandler):
    """What the load's own tools call: one path answers, one does not want to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fails = self.path.startswith("/fail")
        body = json.dumps({"error": "no"} if fails else QUOTE).encode()
        self.send_response(500 if fails else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "127.0.0.1:%d" % server.server_address[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, program, data, allowed):
        self.log = open(os.path.join(data, "log"), "wb")
        self.program, self.data = program, data
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PG_BIN", "LANG")}
        environment |= {
            "EGRESS_ALLOW": ",".join(allowed),
            "DATABASE_MAX_CONNECTIONS": str(POOL),
            # A line for each request, as deployed.
            "LOG_LEVEL": "info",
        }
        self.process = subprocess.Popen(
            [program, "--port", str(free_port()), "--data-dir", data, "--offline-demo", "--scripted-model"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
        )
        ready = os.path.join(data, "devserver.json")
        until = time.monotonic() + 120
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit("error: the server does not start: " + self.tail())
            time.sleep(0.1)
        self.facts = json.load(open(ready))

    def tail(self):
        return open(os.path.join(self.data, "log"), errors="replace").read()[-2000:]

    def token_for(self, email):
        told = subprocess.run(
            [self.program, "--data-dir", self.data, "--token-for", email], check=True, capture_output=True, text=True
        )
        return told.stdout.strip()

    def look(self):
        """Resident memory in MB, threads, open descriptors."""
        base = "/proc/%d" % self.process.pid
        fields = dict(line.split(":", 1) for line in open(base + "/status") if ":" in line)
        return {
            "memory MB": int(fields["VmRSS"].split()[0]) / 1024,
            "threads": int(fields["Threads"]),
            "descriptors": len(os.listdir(base + "/fd")),
        }

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


class Database:
    def __init__(self, url):
        self.url = url
        tables = self.ask(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'p') and not c.relispartition"
            " and n.nspname in ('identity', 'secrets', 'catalog', 'orchestration', 'registry') order by 1"
        )
        # Of a table in parts all parts together.
        size = (
            "select '%s', (select count(*) from %s),"
            " coalesce((select sum(pg_total_relation_size(t.relid)) from pg_partition_tree('%s') t), pg_total_relation_size('%s'))"
        )
        self.count_all = " union all ".join(size % ((table[0],) * 4) for table in tables)

    def ask(self, sql):
        done = subprocess.run(
            ["psql", "-XAtq", "-F", "\t", "-d", self.url, "-c", sql], check=True, capture_output=True, text=True
        )
        return [line.split("\t") for line in done.stdout.splitlines()]

    def connections(self):
        (row,) = self.ask(
            "select count(*), count(*) filter (where state like 'idle in transaction%%'),"
            " count(*) filter (where state like 'idle in transaction%%' and now() - state_change > interval '%d s')"
            " from pg_stat_activity where usename = 'authenticator' and datname = current_database()" % FORGOTTEN_S
        )
        return dict(zip(("connections", "idle in transaction", "forgotten"), map(int, row)))

    def tables(self):
        return {name: (int(rows), int(size)) for name, rows, size in self.ask(self.count_all)}


class Load:
    """What one thread does: operations by chance, each with the answers that it may get."""

    def __init__(self, shared, number):
        self.shared, self.random = shared, random.Random(number)
        self.connection = None

    def call(self, method, path, body=None, token=None, expect=(200,), codes=None, headers=None, read=True):
        """The answer's JSON. An answer that was not to be expected is written down: its status, or the code of its error."""
        shared = self.shared
        send = {"x-workspace-id": shared.workspace if token is None else None, **(headers or {})}
        if token != "":
            send["authorization"] = "Bearer " + (token or shared.token)
        if body is not None:
            send["content-type"] = "application/json"
        send = {name: value for name, value in send.items() if value is not None}
        if self.connection is None:
            self.connection = http.client.HTTPConnection(shared.host, timeout=60)
        self.connection.request(method, path, None if body is None else json.dumps(body), send)
        answer = self.connection.getresponse()
        if not read:
            # Hung up halfway.
            answer.read(64)
            self.connection.close()
            self.connection = None
            told = None
        else:
            text = answer.read()
            try:
                told = json.loads(text) if text else None
            except ValueError:
                told = None
        wanted = answer.status in expect and (codes is None or (told or {}).get("error", {}).get("code") in codes)
        shared.answered(method, path, answer.status, wanted, told)
        return told

    def execute(self, tool, body, **more):
        return self.call("POST", f"/api/v1/tools/{tool}/execute", {"input": body}, **more)

    # --- the operations ---------------------------------------------------------------------------------------------

    def register(self):
        tool = self.shared.tool(f"soak_{self.random.randrange(TOOLS)}", "/ok")
        self.call("POST", "/api/v1/tools", tool, expect=(201, 409))

    def revise(self):
        tool = self.shared.tool(f"soak_{self.random.randrange(TOOLS)}", "/ok")
        tool["description"] = "Tells a price, version %d" % self.random.randrange(10**6)
        self.call("PUT", "/api/v1/tools/saved/" + tool["id"], tool, expect=(200, 404, 409))

    def retire(self):
        tool = f"soak_{self.random.randrange(TOOLS)}"
        self.call("DELETE", "/api/v1/tools/saved/" + tool, expect=(204, 404))

    def refused_config(self):
        tool = self.shared.tool("never", "/ok") | {"output_schema": {"type": "numbr"}}
        self.call("POST", "/api/v1/tools", tool, expect=(400,))

    def succeed(self):
        self.execute("kept", {"symbol": "IBM"})

    def with_secret(self):
        self.execute("get_stock_quote", {"symbol": "IBM"})

    def once(self):
        key = "%032x" % self.random.getrandbits(128)
        for _ in range(2):
            self.execute("kept", {"symbol": "IBM"}, headers={"idempotency-key": key})

    def random_tool(self):
        self.execute(f"soak_{self.random.randrange(TOOLS)}", {"symbol": "IBM"}, expect=(200, 404))

    def fail(self):
        # The upstream's fault, told with its status; after some of them the breaker refuses the host for a while.
        self.execute("fails", {"symbol": "IBM"}, expect=(500,), codes=("upstream_5xx", "connect_failed"))

    def invalid(self):
        self.execute("kept", {"symbol": 7, "other": []}, expect=(400,))

    def unknown(self):
        self.execute("nobody_has_it", {}, expect=(404,))

    def lists(self):
        paths = (
            "/api/v1/tools", "/api/v1/tools?format=openai", "/api/v1/tools?format=anthropic&q=price", "/api/v1/tools/saved",
            "/api/v1/executions?limit=20", "/api/v1/flows", "/api/v1/secrets", "/api/v1/audit?limit=20", "/api/v1/prompts",
            "/api/v1/installs", "/api/v1/workspaces", "/openapi.json", "/health", "/api/v1/tools/kept",
        )
        self.call("GET", self.random.choice(paths))

    def preview(self):
        self.call("POST", "/api/v1/tools/kept/preview", {"input": {"symbol": "IBM"}})

    def orchestrate(self):
        body = {"prompt": "What is the stock price of IBM?", "tools": ["get_stock_quote"]}
        self.call("POST", "/api/v1/orchestrate", body)

    def stream(self):
        body = {"prompt": "How warm is it in Berlin?", "tools": ["get_weather"]}
        self.call("POST", "/api/v1/orchestrate/stream", body, read=self.random.random() < 0.5)

    def mcp(self):
        what = self.random.choice((
            ("tools/list", {}),
            ("tools/call", {"name": "kept", "arguments": {"symbol": "IBM"}}),
            ("prompts/list", {}),
            ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}),
        ))
        body = {"jsonrpc": "2.0", "id": 1, "method": what[0], "params": what[1]}
        self.call("POST", "/mcp", body, headers={"accept": "application/json, text/event-stream"})

    def chain(self):
        self.call("POST", "/api/v1/flows/soak_chain/execute", {"input": {"n": 1}}, expect=(200, 202), headers={"prefer": "wait=5"})

    def fan_out(self):
        self.call("POST", "/api/v1/flows/soak_fan/execute", {"input": {"n": 8}}, expect=(200, 202), headers={"prefer": "wait=5"})

    def cancelled(self):
        run = self.call("POST", "/api/v1/flows/soak_wait/execute", {"input": {}}, expect=(202,))
        path = f"/api/v1/flows/soak_wait/runs/{run['run_id']}"
        # Somebody watches, and goes away before the end.
        self.call("GET", path + "/events", read=False)
        self.call("POST", path + "/cancel")
        self.call("GET", path)

    def market(self):
        # One at a time: a copy is installed or it is not.
        with self.shared.market:
            carol = self.shared.carol
            self.call("GET", "/api/v1/marketplace?q=price", token="")
            self.call("GET", "/api/v1/marketplace/" + self.shared.publication, token="")
            self.call("POST", f"/api/v1/marketplace/{self.shared.publication}/install", {"id": "copy"}, token=carol, expect=(201,))
            self.execute("copy", {"symbol": "IBM"}, token=carol)
            self.call("DELETE", "/api/v1/tools/saved/copy", token=carol, expect=(204,))

    def analytics(self):
        self.call("GET", self.random.choice(("/api/v1/analytics/workspace", "/api/v1/analytics/tools/kept")))

    def bad_tokens(self):
        token = self.random.choice(("nonsense", self.shared.token[:-4] + "AAAA", "a.b.c", "x" * 9000))
        self.call("GET", "/api/v1/tools", token=token, expect=(401, 431))
        self.call("GET", "/api/v1/tools", token="", expect=(401,))

    WEIGHTS = {
        register: 2, revise: 3, retire: 1, refused_config: 2, succeed: 14, with_secret: 8, once: 3, random_tool: 4, fail: 3, invalid: 4,
        unknown: 2, lists: 14, preview: 4, orchestrate: 4, stream: 4, mcp: 6, chain: 3, fan_out: 2, cancelled: 2, market: 1,
        analytics: 3, bad_tokens: 4,
    }

    def run(self):
        names, weights = list(self.WEIGHTS), list(self.WEIGHTS.values())
        while not self.shared.ended.is_set():
            operation = self.random.choices(names, weights)[0]
            try:
                operation(self)
                self.shared.done[operation.__name__] += 1
            except Exception as error:  # whatever it is: a thread that ends by itself would be less load and no failure
                self.connection = None
                self.shared.broken(operation.__name__, error)
            self.shared.ended.wait(0.01)


class Shared:
    """What all threads know and write down."""

    def __init__(self, server, good, bad):
        facts = server.facts
        self.host = facts["url"].split("://")[1]
        self.token, self.workspace = facts["token"], facts["workspace_id"]
        self.good, self.bad = good, bad
        self.ended, self.market, self.writing = threading.Event(), threading.Lock(), threading.Lock()
        self.done = collections.Counter()
        self.statuses = collections.Counter()
        self.unwanted = {}
        self.carol = server.token_for("carol@example.com")
        self.publication = None

    def answered(self, method, path, status, wanted, told):
        with self.writing:
            self.statuses[status] += 1
            if not wanted:
                what = f"{method} {path.split('?')[0]} answered {status}"
                count, first = self.unwanted.get(what, (0, json.dumps(told)[:400]))
                self.unwanted[what] = (count + 1, first)

    def broken(self, operation, error):
        with self.writing:
            count, first = self.unwanted.get(operation + " broke", (0, repr(error)))
            self.unwanted[operation + " broke"] = (count + 1, first)

    def tool(self, name, path, host=None):
        return {
            "id": name, "name": name, "description": "Tells the price of a listed share",
            "api": {"base_url": "http://" + (host or self.good), "path": path, "method": "GET"}, "retry": {"max_attempts": 1},
            "input_schema": {"properties": {"symbol": {"type": "string"}}, "required": ["symbol"]},
            "output_schema": {"properties": {"symbol": {"type": "string"}, "price": {"type": "number"}}},
        }

    def prepare(self):
        """Everything that operations count on."""
        load = Load(self, 0)
        load.call("POST", "/api/v1/tools", self.tool("kept", "/ok"), expect=(201,))
        load.call("POST", "/api/v1/tools", self.tool("fails", "/fail", self.bad), expect=(201,))
        for number in range(TOOLS):
            load.call("POST", "/api/v1/tools", self.tool(f"soak_{number}", "/ok"), expect=(201,))
        steps = [{"id": "s0", "transform": "{{ input.n }}"}]
        steps += [{"id": f"s{i}", "transform": "{{ steps.s%d.output + 1 }}" % (i - 1)} for i in range(1, 6)]
        steps += [{"id": "ask", "tool": "kept", "depends_on": ["s5"], "input": {"symbol": "IBM"}}]
        flows = [
            {"id": "soak_chain", "name": "chain", "steps": steps},
            {"id": "soak_fan", "name": "fan", "steps": [{
                "id": "all", "tool": "calculate", "for_each": "{{ range(input.n) | list }}",
                "input": {"expression": "{{ index }} + 1"},
            }]},
            {"id": "soak_wait", "name": "wait", "steps": [{"id": "asked", "wait": {"approval": "May it?"}}]},
        ]
        for flow in flows:
            load.call("POST", "/api/v1/flows", flow, expect=(201,))
        load.call("POST", "/api/v1/workspaces", {"name": "Carol's", "slug": "carols"}, token=self.carol, expect=(201,))
        told = load.call("POST", "/api/v1/tools/kept/publish")
        if self.unwanted:
            sys.exit("error: the load cannot be prepared: " + json.dumps(self.unwanted, indent=1))
        self.publication = told["id"]


def thirds(values):
    third = max(1, len(values) // 3)
    return statistics.mean(values[:third]), statistics.mean(values[-third:])


def slope(points):
    """Of the line through the points, by least squares."""
    times, values = zip(*points)
    middle, mean = statistics.mean(times), statistics.mean(values)
    spread = sum((at - middle) ** 2 for at in times)
    return sum((at - middle) * (value - mean) for at, value in points) / spread if spread else 0.0


def judge(samples, counts, minutes):
    """Prints the table and answers what is wrong."""
    wrong = []
    say = lambda name, first, last, note="": print(f"{name:38} {first:>12,.1f} {last:>12,.1f} {last - first:>+12,.1f}   {note}")
    print(f"\n{'':38} {'first third':>12} {'last third':>12} {'difference':>12}")
    for name in ("memory MB", "threads", "descriptors", "connections", "idle in transaction", "forgotten"):
        values = [sample[name] for sample in samples]
        first, last = thirds(values)
        say(name, first, last, "at most %g" % max(values))
        if name in ("threads", "descriptors") and last > first + 6:
            wrong.append(f"{name} grew from {first:.1f} to {last:.1f}")
        if name == "connections" and max(values) > POOL:
            wrong.append(f"{max(values)} connections, where {POOL} are allowed")
        if name == "forgotten" and max(values):
            wrong.append(f"a transaction was idle for more than {FORGOTTEN_S} s")
    settled = [(sample["at"] / 60, sample["memory MB"]) for sample in samples if sample["at"] >= minutes * 20]
    grown = slope(settled) * (settled[-1][0] - settled[0][0])
    allowed = ROOM_MB + MB_PER_MINUTE * (settled[-1][0] - settled[0][0])
    print(f"{'memory after the first third':38} {slope(settled):+.2f} MB a minute, {grown:+.1f} MB in all; allowed {allowed:+.1f}")
    if grown > allowed:
        wrong.append(f"memory grew by {grown:.1f} MB after the first third")

    print(f"\n{'rows (MB at the end)':38} {'first third':>12} {'last third':>12} {'difference':>12}")
    for table in sorted(counts[-1]):
        rows = [count[table][0] for count in counts]
        first, last = thirds(rows)
        if not max(rows):
            continue
        why = LOGS.get(table) or RECORDS.get(table)
        say(table, first, last, "%.1f MB%s" % (counts[-1][table][1] / 2**20, "; " + why if why else ""))
        if not why and last > first * 1.1 + 20:
            wrong.append(f"{table} grew from {first:.0f} to {last:.0f} rows, and nothing is known to bound it")
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="soak.sh")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument("--devserver", default="target/release/devserver")
    parser.add_argument("--keep", action="store_true", help="leave the log and the database behind")
    arguments = parser.parse_args()
    data = tempfile.mkdtemp(prefix="soak-")
    os.chmod(data, 0o711)
    good, bad = upstream(), upstream()
    server = Server(os.path.abspath(arguments.devserver), data, (good, bad))
    wrong = []
    shared = Shared(server, good, bad)
    try:
        shared.prepare()
        database = Database(server.facts["database_url"])
        loads = [threading.Thread(target=Load(shared, 1 + number).run) for number in range(arguments.threads)]
        began, samples, counts = time.monotonic(), [], []
        for load in loads:
            load.start()
        counted = -COUNT
        while (at := time.monotonic() - began) < arguments.minutes * 60:
            if server.process.poll() is not None:
                wrong.append("the server ended: " + server.tail())
                break
            samples.append({"at": at, **server.look(), **database.connections()})
            if at - counted >= COUNT:
                counts.append(database.tables())
                counted = at
                print(f"{at:5.0f} s: {sum(shared.statuses.values()):7} answers, {samples[-1]['memory MB']:.1f} MB,"
                      f" {samples[-1]['connections']} connections", flush=True)
            time.sleep(LOOK)
        shared.ended.set()
        for load in loads:
            load.join()
        counts.append(database.tables())
        answers = sum(shared.statuses.values())
        print(f"\n{answers} answers, {answers / arguments.minutes / 60:.0f} a second; by status:",
              ", ".join(f"{status}: {count}" for status, count in sorted(shared.statuses.items())))
        print("operations:", ", ".join(f"{name} {count}" for name, count in sorted(shared.done.items())))
        idle = [name.__name__ for name in Load.WEIGHTS if not shared.done[name.__name__]]
        wrong += [f"{name} was never done: run for longer" for name in idle]
        wrong += judge(samples, counts, arguments.minutes)
        wrong += [f"{what} ({count} times), such as {first}" for what, (count, first) in shared.unwanted.items()]
        defects = [line for line in open(os.path.join(data, "log"), errors="replace") if '"level":"ERROR"' in line]
        wrong += [f"{len(defects)} error lines, such as {defects[0].strip()[:600]}"] if defects else []
    finally:
        shared.ended.set()
        ended = server.process.poll()
        if ended is None:
            ended = server.stop()
        if ended:
            wrong.append(f"the server ended with {ended}")
        if not arguments.keep:
            shutil.rmtree(data, ignore_errors=True)
    print()
    for fault in wrong:
        print("WRONG:", fault)
    print("The soak failed." if wrong else "Nothing grew that should not.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
