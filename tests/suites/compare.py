"""Compares a suite on Linux, in this host and in wasmtime's: compare.py SUITE FOLDER.

FOLDER/linux, FOLDER/here and FOLDER/wasmtime have `output`, a line `NAME: VALUE` for each check; `statuses`; and `files`, with a
folder for each check. A difference that deviations.toml does not have is an error, and so is an entry without its difference.
"""

import hashlib
import os
import pathlib
import stat
import sys
import time
import tomllib


def lines(path):
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(": ")
        if name in found:
            raise SystemExit(f"{path}: {name} is there twice")
        found[name] = value
    return found


def files(folder):
    """A line for each file below a folder, by its path: kind, mode, content, target, time if a check has set it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        words = [stat.filemode(about.st_mode)]
        if stat.S_ISLNK(about.st_mode):
            words.append(os.readlink(path))
        elif stat.S_ISREG(about.st_mode):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            words += [str(about.st_size), digest, f"{about.st_nlink} names"]
            if about.st_mtime < time.time() - 86_400:
                words.append(str(about.st_mtime_ns))
        found[str(path.relative_to(folder))] = " ".join(words)
    return found


def changes(linux, here):
    """The names whose values differ, each with both values."""
    both = {name: (linux.get(name), here.get(name)) for name in [*linux, *here]}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def main(suite, folder):
    sides = [folder / "linux", folder / "here"]
    told = changes(*(lines(side / "output") | lines(side / "statuses") for side in sides))
    left = {}
    for name, pair in changes(*(files(side / "files") for side in sides)).items():
        left.setdefault(name.split("/")[0], []).append((name, *pair))

    text = pathlib.Path(__file__).with_name("deviations.toml").read_text()
    known = {entry["check"]: entry for entry in tomllib.loads(text)["deviation"] if entry["suite"] == suite}
    count = len(lines(sides[0] / "output"))
    faults = []
    if count == 0:
        faults.append("no check ran")

    for name, (linux, here) in told.items():
        entry = known.get(name, {})
        if (entry.get("linux"), entry.get("here")) != (linux, here):
            kind = "differs in another way than deviations.toml says" if entry else "differs"
            faults.append(f"{name} {kind}\n    linux: {linux}\n    here:  {here}")
    for name, entry in known.items():
        if name not in told and entry.get("linux") != entry.get("here"):
            faults.append(f"{name} does not differ any more; take it out of deviations.toml")
        if entry.get("files", False) != (name in left):
            which = "the same files" if name not in left else "other files"
            faults.append(f"{name} leaves {which}, unlike deviations.toml says")
    for name, rows in left.items():
        if name not in known:
            rows = "".join(f"\n    {path}\n      linux: {linux}\n      here:  {here}" for path, linux, here in rows)
            faults.append(f"{name} leaves other files{rows}")

    # A deviation that is not this host's own is one of wasmtime's host too, and there are no others between the two.
    other = folder / "wasmtime"
    unlike = changes(*(lines(side / "output") | lines(side / "statuses") for side in (other, sides[1])))
    for name in changes(files(other / "files"), files(sides[1] / "files")):
        unlike.setdefault(name.split("/")[0], ("other files", "other files"))
    listed = {entry["check"] for entry in tomllib.loads(text)["wasmtime"] if entry["suite"] == suite}
    own = {name for name, entry in known.items() if entry["cause"] == "tollgate"}
    for name, (there, here) in unlike.items():
        if name not in listed | own:
            faults.append(f"{name} differs from wasmtime's host\n    wasmtime: {there}\n    here:     {here}")
    faults += [f"{name} does not differ from wasmtime's host; take it out" for name in listed - unlike.keys()]

    for fault in faults:
        print(f"{suite}: {fault}")
    same = count - sum(not name.startswith("status") for name in told)
    print(f"{suite}: {same} of {count} checks are as on Linux, {len(told)} deviations, {len(unlike)} from wasmtime, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
