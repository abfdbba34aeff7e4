#!/usr/bin/env python3
"""Whether the guard of the measurements builds the engine with the features that the main workspace gives each crate below
it: one more or less, and the engine is built once more, which takes minutes of each run of CI.

same-features.py, in the root of the project."""

import re
import subprocess
import sys

ENGINE = ("wasmtime", "wasmtime-wasi", "wasmtime-wasi-http", "cranelift-codegen", "wasmtime-wasi-io")


def tree(*options):
    """The features of each crate, and the crates below the engine."""
    command = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "depth", "--no-dedupe", "--format", " {p} [{f}]"]
    lines = subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout.splitlines()
    features, below, inside = {}, set(), None
    for line in filter(None, lines):
        depth, name, version, has = re.match(r"(\d+) (\S+) v(\S+).* \[(.*)\]$", line).groups()
        crate = (name, version)
        features.setdefault(crate, set()).add(has)
        if inside is not None and int(depth) <= inside:
            inside = None
        if inside is None and name in ENGINE:
            inside = int(depth)
        if inside is not None:
            below.add(crate)
    return features, below


ours, _ = tree("--workspace")
theirs, below = tree("--manifest-path", "benches/Cargo.toml", "--no-default-features")
differ = sorted(crate for crate in below if crate in ours and ours[crate].isdisjoint(theirs[crate]))
for name, version in differ:
    print(f"{name} {version}: {ours[name, version]} in the main workspace, {theirs[name, version]} in benches; name it in benches/Cargo.toml")
if not below:
    sys.exit("no crate of the engine was found")
sys.exit(len(differ) > 0)
