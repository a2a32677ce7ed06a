#!/usr/bin/env python3
"""Walks the tours of documents word for word: types each ```sh block into one shell and compares what it prints with the block below it.

Usage: tour.py SERVER_COMMAND DOCUMENT...     for example: tour.py target/debug/devserver README.md docs/tutorial.md

A server is started as the document's first `cargo run` line says, with SERVER_COMMAND instead of `cargo run`, on its usual port and in an
empty data directory. In an expected answer, `…` stands for anything, and so do ids, times, hashes and measured numbers;
everything else is compared as it stands. A block below the comment `tour: in the background` goes on while the others are typed. Blocks that are not about the running server (other `cargo` commands, Docker, AWS) are left out,
and are counted. The first difference ends the walk.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
START = re.compile(r"^((?:[A-Z_]+=\S+ )*)cargo run(?: -- ([^#\n]*))?", re.MULTILINE)
ASIDE = "<!-- tour: in the background -->"
# Not about the server that this walk starts.
ELSEWHERE = re.compile(r"^\s*(?:cargo (?!run -q -- --token-for)|docker|sam |aws |infra/|git |pip |cd |rustup|gh |open )", re.MULTILINE)
# What differs between two walks; each is a whole JSON value or a part of a text.
VARYING = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-…"), "<id>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "<time>"),
    (re.compile(r'("(?:execution_time_ms|duration_ms|mean_ms|p50_ms|p95_ms|p99_ms)":)[0-9.]+'), r"\1<number>"),
]
PATIENCE = 60


def blocks(text):
    """Each sh block with the block of expected output that follows it at once, if one does."""
    found = list(FENCE.finditer(text))
    for one, following in zip(found, [*found[1:], None]):
        if one[1] != "sh":
            continue
        expected = None
        if following and following[1] in ("json", "") and not text[one.end() : following.start()].strip():
            expected = following[2]
        aside = text[: one.start()].rstrip().endswith(ASIDE)
        yield text.count("\n", 0, one.start()) + 1, one[2], expected, aside


def pattern(expected):
    """A regular expression for what the document shows, in which `…` may be anything."""
    text = re.sub(r"\n\s*", "", expected.strip())
    for varies, name in VARYING:
        text = varies.sub(name, text)
    return re.compile(".*".join(re.escape(part) for part in text.split("…")), re.DOTALL)


def plain(printed):
    text = re.sub(r"\n\s*", "", printed.strip())
    for varies, name in VARYING:
        text = varies.sub(name, text)
    return text


class Shell:
    """One bash that keeps its variables and functions, as the terminal of somebody who follows the document."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        self.count = 0

    def type(self, commands):
        self.count += 1
        end = f"--- end of block {self.count}:"
        self.process.stdin.write(f"{commands}\nprintf '\\n%s%s\\n' '{end}' $?\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(end):
                return "".join(printed), int(line[len(end) :])
            printed.append(line)
        sys.exit("the shell ended")


def serve(command, first, data):
    """The document's own server; returns when it is ready."""
    variables = dict(pair.split("=", 1) for pair in first[1].split())
    server = subprocess.Popen(
        [*command, *(first[2] or "").split(), "--data-dir", str(data)],
        env={**os.environ, **variables}, stdout=subprocess.DEVNULL, start_new_session=True,
    )
    for _ in range(PATIENCE * 10):
        if (data / "devserver.json").exists():
            return server
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        time.sleep(0.1)
    sys.exit("the server is not ready after a minute")


def fill(commands, data, command):
    """The data directory of this walk, and the program that is built already."""
    commands = commands.replace(".devserver/devserver.json", str(data / "devserver.json"))
    return commands.replace("cargo run -q --", f"{' '.join(command)} --data-dir {data}")


def walk(command, document, root):
    text = document.read_text(encoding="utf-8")
    first = START.search(text)
    if not first:
        sys.exit(f"{document.name} starts no server")
    walked = compared = elsewhere = 0
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data"
        server = serve(command, first, data)
        shell = Shell(root, {**os.environ, "TZ": "UTC"})
        try:
            for line, commands, expected, aside in blocks(text):
                if ELSEWHERE.search(commands) or START.search(commands):
                    elsewhere += 1
                    continue
                typed = fill(commands, data, command)
                if aside:
                    typed = f"{{ {typed.strip()}\n}} >/dev/null 2>&1 & sleep 1"
                elif "curl -sN" in commands:
                    # Somebody would watch it, and go on in another terminal.
                    typed = f"({typed.strip()}) & sleep 3; kill $! 2>/dev/null; wait $! 2>/dev/null; true"
                printed, status = shell.type(typed)
                # What only reads may be read again: the document says "a moment later".
                reads = expected and not re.search(r" -[dX] |curl -sN", commands)
                for _ in range(20 if reads else 0):
                    if pattern(expected).search(plain(printed)):
                        break
                    time.sleep(0.5)
                    printed, status = shell.type(typed)
                place = f"{document.name}:{line}"
                if status:
                    sys.exit(f"{place}: exit status {status}\n{commands}\nprinted:\n{printed}")
                if re.search(r"^(api|carol|curl -s) ", commands, re.MULTILINE) and "> /dev/null" not in commands and not printed.strip():
                    sys.exit(f"{place}: nothing answered\n{commands}")
                if '"success":false' in printed and '"success":false' not in (expected or ""):
                    sys.exit(f"{place}: a failure that the document does not show\n{commands}\nprinted:\n{printed}")
                if '"type":"urn:problem:' in printed and "urn:problem" not in (expected or ""):
                    sys.exit(f"{place}: an error that the document does not show\n{commands}\nprinted:\n{printed}")
                if expected and not pattern(expected).search(plain(printed)):
                    sys.exit(f"{place}: another answer\n{commands}\nshown:\n{expected}\nprinted:\n{printed}")
                walked += 1
                compared += bool(expected)
                print(f"{place}: {'as shown' if expected else 'done'}", flush=True)
        finally:
            os.killpg(shell.process.pid, signal.SIGKILL)
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE)
    # One more is a block that nobody walks any more.
    if elsewhere != 1:
        sys.exit(f"{document.name}: {elsewhere} blocks are left out")
    print(f"{document.name}: {walked} blocks walked, {compared} answers compared, {elsewhere} blocks are about something else", flush=True)
    if not compared:
        sys.exit(f"{document.name}: nothing was compared")


def main(command, *documents):
    root = pathlib.Path(__file__).resolve().parent.parent
    for document in documents:
        walk([str(root / command)], root / document, root)


if __name__ == "__main__":
    main(*sys.argv[1:])
