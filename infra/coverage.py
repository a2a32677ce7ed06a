"""Lines that the tests reach, by crate, from llvm-cov's lcov on standard input: coverage.py ROOT MINIMUM.

Counted are the lines with code of shared/*/src and functions/*/src, but for testkit (which is for tests) and for what is compiled for
tests alone (`#[cfg(test)]`). A line counts as reached when any test, or any process that a test started, ran some of it.
"""

import collections
import re
import sys
from pathlib import Path


def modules(file, name):
    """Where `mod name;` of this file stands, and what is below it."""
    inside = file.parent if file.name in ("lib.rs", "main.rs", "mod.rs") else file.with_suffix("")
    return [inside / f"{name}.rs", inside / name]


def tests_of(file):
    """The lines of what is compiled for tests alone, and the files of modules that are. The files are as rustfmt writes them: an
    item ends at the first brace in its own column."""
    lines, places = set(), []
    text = file.read_text().splitlines()
    for start, line in enumerate(text):
        if line.strip() != "#[cfg(test)]":
            continue
        indent = line[: len(line) - len(line.lstrip())]
        item = start + 1
        while text[item].lstrip().startswith(("#[", "//")):
            item += 1
        module = re.match(r"\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", text[item])
        if module:
            places += modules(file, module[1])
        end = item
        if not text[item].endswith(";"):
            while not text[end].startswith(indent + "}"):
                end += 1
        lines.update(range(start + 1, end + 2))
    return lines, places


def main(root, minimum):
    counted = {}
    for line in sys.stdin:
        if line.startswith("SF:"):
            path = Path(line[3:].strip())
            path = path.relative_to(root) if path.is_relative_to(root) else None
            parts = path.parts if path else ()
            wanted = len(parts) > 3 and parts[0] in ("shared", "functions") and parts[2] == "src" and parts[1] != "testkit"
            lines = counted.setdefault(path, {}) if wanted else None
        elif line.startswith("DA:") and lines is not None:
            number, count = line[3:].split(",")[:2]
            lines[int(number)] = max(lines.get(int(number), 0), int(count))

    test_places = []
    for folder in ("shared", "functions"):
        for file in (root / folder).rglob("src/**/*.rs"):
            lines, places = tests_of(file)
            test_places += places
            for number in lines:
                counted.get(file.relative_to(root), {}).pop(number, None)
    test_places = [place.relative_to(root) for place in test_places]
    for path in list(counted):
        if any(path == place or place in path.parents for place in test_places) or not counted[path]:
            del counted[path]

    crates = collections.defaultdict(lambda: [0, 0])
    files = []
    for path, lines in counted.items():
        reached = sum(count > 0 for count in lines.values())
        for name in ("/".join(path.parts[:2]), path.parts[0], "total"):
            crates[name][0] += reached
            crates[name][1] += len(lines)
        missed = sorted(number for number, count in lines.items() if count == 0)
        files.append((len(missed), reached / len(lines), path, missed))

    def row(name):
        reached, lines = crates[name]
        return f"{name:28}{lines:8}{lines - reached:8}{100 * reached / lines:8.1f} %"

    print(f"{'':28}{'lines':>8}{'missed':>8}{'reached':>10}")
    for name in sorted(name for name in crates if "/" in name):
        print(row(name))
    for name in ("shared", "functions", "total"):
        print(row(name))
    print("\nmost missed lines:")
    for count, share, path, missed in sorted(files, key=lambda file: -file[0])[:25]:
        print(f"{count:6}{100 * share:7.1f} %  {path}: {spans(missed)}")
    print("\nsmallest shares, of files with ten lines or more:")
    for count, share, path, missed in sorted(files, key=lambda file: file[1]):
        if count + share * count / max(1 - share, 1e-9) >= 10 and share < 0.75:
            print(f"{count:6}{100 * share:7.1f} %  {path}")

    reached, lines = crates["total"]
    if 100 * reached < minimum * lines:
        sys.exit(f"below {minimum} %")


def spans(numbers, most=18):
    """1-3 7 9-12 …"""
    told = []
    for number in numbers:
        if told and told[-1][1] == number - 1:
            told[-1][1] = number
        else:
            told.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in told]
    return " ".join(words[:most]) + (" …" if len(words) > most else "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
