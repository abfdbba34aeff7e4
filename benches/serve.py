#!/usr/bin/env python3
"""Requests a second, latency and memory of `tollgate serve` beside `wasmtime serve`: the same component, the same line of
wasmtime, on loopback. serve.py TOLLGATE WASMTIME COMPONENT [SECONDS [ROUNDS]]

The servers take turns in each round, and ratios are computed within a round. Each is as its defaults have it, but for the
connections that Tollgate lets in. wrk has one of the two processors, or what the server leaves it.
"""

import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CONNECTIONS = (1, 64, 1000)
IDLE = 10_000


def fail(why):
    sys.exit(f"serve.py: {why}")


class Served:
    """A server, started for one measurement."""

    def __init__(self, name, command, path):
        self.name, self.path = name, path
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [part.format(port=self.port) for part in command]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                answer = self.get()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    fail(f"{name} does not answer: {' '.join(command)}")
                time.sleep(0.02)
        if not (answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello")):
            fail(f"{name} answers {answer!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connected(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def get(self):
        with self.connected() as stream:
            stream.sendall(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := stream.recv(65536):
                answer += piece
        # A body in chunks, of which there is one.
        return answer.removesuffix(b"\r\n0\r\n\r\n")

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def load(self, connections, seconds):
        """Requests a second, the 99th percentile in ms, and the answers that were none."""
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
        said = subprocess.run([*wrk, f"http://127.0.0.1:{self.port}{self.path}"], capture_output=True, text=True, check=True).stdout
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
        latency = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
        errors = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
        broken = re.search(r"Socket errors: (.*)", said)
        return rate, latency, int(errors[1]) if errors else 0, broken[1] if broken else ""

    def holds(self, is_parked):
        """KiB of each of many connections that do nothing, and those of them that are open in the end."""
        self.load(1, 1)
        time.sleep(0.5)
        before = self.resident()
        request = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        streams = []
        try:
            for _ in range(IDLE):
                stream = self.connected()
                streams.append(stream)
                if is_parked:
                    stream.sendall(request)
                    while b"hello" not in stream.recv(65536):
                        pass
        except OSError as error:
            print(f"{self.name}: {error} at connection {len(streams)}", file=sys.stderr)
        time.sleep(0.5)
        after = self.resident()
        is_open = 0
        for stream in streams:
            stream.setblocking(False)
            try:
                is_open += stream.recv(65536) != b""
            except BlockingIOError:
                is_open += 1
            except OSError:
                pass
            stream.close()
        return (after - before) / len(streams), after / 1024, is_open


def spread(values):
    if len(values) < 3:
        return f"{statistics.median(values):.3g}"
    low, _, high = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):.3g} ({low:.3g}–{high:.3g})"


def main():
    if len(sys.argv) < 4:
        fail(__doc__.splitlines()[1].split(". ")[-1])
    if not shutil.which("wrk"):
        fail("wrk is missing; install it, on Debian by `apt-get install wrk`")
    tollgate, wasmtime, component = sys.argv[1:4]
    seconds, rounds = (int(sys.argv[4]) if len(sys.argv) > 4 else 4), (int(sys.argv[5]) if len(sys.argv) > 5 else 5)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(component, f"{folder}/web.wasm")
        with open(f"{folder}/web.toml", "w") as policy:
            policy.write('grants.wasi = "inert"\n')
        compiled = f"{folder}/web.cwasm"
        subprocess.run([wasmtime, "compile", component, "-o", compiled], check=True)
        ours = [tollgate, "serve", folder, "--listen", "127.0.0.1:{port}", "--connections", str(IDLE + 100), "--no-cache"]
        theirs = [wasmtime, "serve", "--addr", "127.0.0.1:{port}", "-Scli", "-Ccache=n", component]
        pooled = [*theirs[:2], "-Opooling-allocator=y", *theirs[2:]]
        contenders = [
            ("tollgate serve", ours, "/http/web/hello"),
            ("wasmtime serve", theirs, "/hello"),
            ("wasmtime serve, pool", pooled, "/hello"),
        ]
        for name, command, path in contenders:
            Served(name, command, path).__exit__()
        report = {"load": os.getloadavg()[0], "seconds": seconds, "rounds": rounds, "figures": []}
        print(f"load {report['load']:.2f} at the start; {rounds} rounds of {seconds} s each")
        print("| connections | server | requests/s | ratio | p99 ms | ratio | refused |")
        print("|---:|---|---:|---:|---:|---:|---|")
        for connections in CONNECTIONS:
            seen = {name: [] for name, _, _ in contenders}
            for turn in range(rounds):
                for at in range(len(contenders)):
                    name, command, path = contenders[(at + turn) % len(contenders)]
                    with Served(name, command, path) as served:
                        served.load(connections, 1)
                        seen[name].append(served.load(connections, seconds))
            base = seen["wasmtime serve, pool"]
            for name, found in seen.items():
                rates, late = [it[0] for it in found], [it[1] for it in found]
                rate_to = spread([mine / its[0] for mine, its in zip(rates, base)])
                late_to = spread([mine / its[1] for mine, its in zip(late, base)])
                refused = sum(it[2] for it in found)
                broken = "; ".join(sorted({it[3] for it in found} - {""}))
                told = f"{refused}{' ' + broken if broken else ''}"
                print(f"| {connections} | {name} | {spread(rates)} | {rate_to} | {spread(late)} | {late_to} | {told} |", flush=True)
                report["figures"].append({"connections": connections, "server": name, "rounds": found})
        print(f"\n| {IDLE} connections | server | KiB each | MiB in all | open |")
        print("|---|---|---:|---:|---:|")
        for kind in ("idle", "parked"):
            for name, command, path in contenders:
                with Served(name, command, path) as served:
                    each, whole, is_open = served.holds(kind == "parked")
                print(f"| {kind} | {name} | {each:.1f} | {whole:.0f} | {is_open} |", flush=True)
                report["figures"].append({"kind": kind, "server": name, "kib": each, "mib": whole, "open": is_open})
        os.makedirs("target/bench", exist_ok=True)
        with open("target/bench/serve.json", "w") as out:
            json.dump(report, out, indent=1)


main()
