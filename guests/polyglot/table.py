"""One provider in five languages, measured: its file, its compiling, its calls. `just polyglot-table`.

table.py TOLLGATE GUESTS: the program, and the folder of components. The table is on standard output, as Markdown.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COMPONENTS = {
    "Rust": "ledger-csv",
    "C": "polyglot-ledger-c",
    "C++": "polyglot-ledger-cpp",
    "JavaScript": "polyglot-ledger-javascript",
    "Python": "polyglot-ledger-python",
}
POLICY = "samples/polyglot-ledger.toml"
CALL = 'parse(@"samples/ledger/revolut.csv")'
COMPILES, CALLS = 3, 21


def main(tollgate: str, guests: Path) -> None:
    print("| language | component | compiling, once, processor time | fuel of a call | time of a call | memory |")
    print("|---|---|---|---|---|---|")
    results = set()
    for language, name in COMPONENTS.items():
        component = guests / f"{name}.wasm"
        if not component.is_file():
            print(f"{name}: skipped: it is not built; `just guests-polyglot` says why", file=sys.stderr)
            continue
        compiles, calls = [], []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(COMPILES):
                # A cache of its own is empty.
                begin = processor_time()
                compiling = [tollgate, "compile", component, "--policy", POLICY, "--cache", f"{folder}/{number}"]
                subprocess.run(compiling, check=True, capture_output=True)
                compiles.append(processor_time() - begin)
            for _ in range(CALLS):
                report = Path(folder, "report.json")
                calling = [tollgate, "call", component, CALL, "--policy", POLICY, "--cache", f"{folder}/0", "--report", report]
                results.add(subprocess.run(calling, check=True, capture_output=True).stdout)
                calls.append(json.loads(report.read_text())["usage"])
        fuel = {usage["fuel"] for usage in calls}
        assert len(fuel) == 1, f"{name}: the same call took {sorted(fuel)} fuel"
        # The shortest: a busy machine only adds to it.
        elapsed = min(usage["elapsed_us"] for usage in calls) / 1000
        size, memory = component.stat().st_size, calls[0]["memory_peak"]
        print(
            f"| {language} | {shown(size)} | {min(compiles):.2g} s "
            f"| {calls[0]['fuel']:,} | {elapsed:.2g} ms | {shown(memory)} |"
        )
    assert len(results) == 1, "the results differ"


def processor_time() -> float:
    """The seconds of all children, which other work on the machine hardly changes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def shown(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


main(sys.argv[1], Path(sys.argv[2]))
