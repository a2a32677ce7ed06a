"""What other people's code is deployed: a CycloneDX list of it, or its licences' texts.

    components.py sbom FILE        CycloneDX 1.6, checked against its schema
    components.py licenses FILE    every licence and notice, each text once

Deployed is what a function links: normal dependencies, for Lambda's system, with the features that the workspace's build has.
Macros and build scripts run where the functions are built and are left out. `.ci/supply-chain` runs this with the libraries.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
FUNCTIONS = sorted(folder.name for folder in (ROOT / "functions").iterdir() if (folder / "Cargo.toml").is_file())
LICENSE_FILE = re.compile(r"(?i)^(licen[cs]es?|copying|notice|unlicense|copyright)([-._].*)?$")

MIT = """MIT License

Copyright (c) {holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def told(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def deployed():
    """The packages that a function links, `cargo metadata`'s description of each by its id; and whom each of them names."""
    linked = set()
    for target in TARGETS:
        packages = [argument for name in FUNCTIONS for argument in ("--package", name)]
        linked |= set(
            told(
                "cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro",
                "--prefix", "none", "--format", "{p}", *packages,
            ).splitlines()
        )
    # `name v1.2.3`, and for ours the folder behind it.
    linked = {tuple(line.split()[:2]) for line in linked if line}
    metadata = json.loads(told("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGETS[0]))
    packages = {p["id"]: p for p in metadata["packages"] if (p["name"], "v" + p["version"]) in linked}
    if len(packages) != len(linked):
        sys.exit(f"cargo tree names {len(linked)} packages, cargo metadata {len(packages)} of them")
    names = {
        node["id"]: [
            dependency["pkg"]
            for dependency in node["deps"]
            if dependency["pkg"] in packages and any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        for node in metadata["resolve"]["nodes"]
        if node["id"] in packages
    }
    return packages, names


def swagger_ui():
    """The files of the page /docs, which stand in the repository."""
    assets = ROOT / "functions/system/assets"
    script = gzip.decompress((assets / "swagger-ui-bundle.js.gz").read_bytes())
    version = re.search(rb'PACKAGE_VERSION:"([0-9.]+)"', script)
    if not version:
        sys.exit("swagger-ui-bundle.js.gz does not tell its version")
    return assets, version[1].decode()


def expression(package):
    """Its licence in SPDX's words: a slash is an old way to write OR."""
    if not package["license"]:
        sys.exit(f"{package['name']} does not tell its licence")
    return re.sub(r"\s*/\s*", " OR ", package["license"])


def sbom():
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from packageurl import PackageURL

    licenses = LicenseFactory()
    packages, names = deployed()
    lock = (ROOT / "Cargo.lock").read_bytes()
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.loads(lock.decode())["package"]}

    components = {}
    for key, package in packages.items():
        name, version = package["name"], package["version"]
        ours = package["source"] is None
        components[key] = Component(
            type=ComponentType.APPLICATION if ours and name in FUNCTIONS else ComponentType.LIBRARY,
            name=name,
            version=version,
            bom_ref=f"{name}@{version}",
            licenses=[licenses.make_with_expression(expression(package))],
            # Ours are in no registry: an address there would be a stranger's of the same name.
            purl=None if ours else PackageURL("cargo", None, name, version),
            hashes=[] if ours else [HashType(alg=HashAlgorithm.SHA_256, content=checksums[name, version])],
        )
    _, version = swagger_ui()
    page = Component(
        type=ComponentType.LIBRARY,
        name="swagger-ui-dist",
        version=version,
        bom_ref=f"swagger-ui-dist@{version}",
        licenses=[licenses.make_with_expression("Apache-2.0")],
        purl=PackageURL("npm", None, "swagger-ui-dist", version),
    )
    product = Component(
        type=ComponentType.APPLICATION,
        name="functions",
        version=next(p["version"] for p in packages.values() if p["name"] == FUNCTIONS[0]),
        bom_ref="functions",
    )

    # The same commit gives the same file.
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, lock.hex() + version), components=[*components.values(), page])
    bom.metadata.component = product
    committed = os.environ.get("SOURCE_DATE_EPOCH") or told("git", "log", "-1", "--format=%ct")
    bom.metadata.timestamp = datetime.fromtimestamp(int(committed), timezone.utc)
    bom.register_dependency(product, [c for c in components.values() if c.name in FUNCTIONS and c.purl is None])
    for key, component in components.items():
        extra = [page] if component.name == "system" and component.purl is None else []
        bom.register_dependency(component, [components[name] for name in names[key]] + extra)

    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"not CycloneDX 1.6: {error}")
    return text + "\n"


def license_files(folder):
    """Those of a package: at its root, and of what it brings along (the C library in aws-lc-sys)."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and LICENSE_FILE.match(path.name) and path.suffix not in (".rs", ".py", ".go") and len(inside) <= 4:
            yield path


def texts():
    packages, _ = deployed()
    assets, version = swagger_ui()
    sources = [(f"swagger-ui {version}", "Apache-2.0", [], assets)]
    for package in packages.values():
        if package["source"] is not None:
            label = f"{package['name']} {package['version']}"
            folder = Path(package["manifest_path"]).parent
            sources.append((label, expression(package), package["authors"], folder))

    whose, silent = {}, []
    for label, license, authors, folder in sorted(sources):
        files = list(license_files(folder))
        if not files:
            silent.append((label, license, authors))
        for file in files:
            text = file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip("\n")
            whose.setdefault(text, []).append(label)
    # Some packages name their licence without its text. Where there is a choice it is Apache-2.0.
    for label, license, authors in silent:
        if "Apache-2.0" in license:
            text = (ROOT / "LICENSE").read_text().strip("\n")
        elif license == "MIT":
            text = MIT.format(holders=", ".join(authors) or f"the authors of {label.split()[0]}")
        else:
            sys.exit(f"{label} ({license}) brings no licence text")
        whose.setdefault(text, []).append(label)
    parts = ["Other people's work in the functions: their licences and notices, each text under the names that it belongs to."]
    parts.append("\n".join(f"{label}: {license}" for label, license, _, _ in sorted(sources)))
    for text, labels in sorted(whose.items(), key=lambda item: item[1]):
        parts.append("=" * 100 + "\n" + ", ".join(sorted(set(labels))) + "\n" + "-" * 100 + "\n\n" + text)
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    kinds = {"sbom": sbom, "licenses": texts}
    if len(sys.argv) != 3 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(kinds[sys.argv[1]]())
