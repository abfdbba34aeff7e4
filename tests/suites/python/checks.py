"""Checks of Python's standard library on files in a folder: `checks.py FOLDER`.

The same source runs in CPython on Linux and, by `app.py`, as a WASI command; `run.sh` compares what both print and
the files that both leave. Each check has a folder of its own, by its name, and prints `NAME: VALUE`, or `NAME: error
TYPE ERRNO`. Nothing that it prints depends on the clock, on numbers of the file system or on the order of a folder.

`checks.py FOLDER exit N` ends with the status N.
"""

import os
import sys

# In the order in which they run.
import of_open
import of_os_files
import of_os_folders
import of_pathlib_and_tempfile
import of_shutil
import of_logging
import of_sqlite
import of_formats
from harness import CHECKS, failure


def shown(value):
    # A name of the machine's own, such as a file's, keeps its bytes.
    return value if isinstance(value, str) else repr(value)


def run(folder):
    base = os.path.abspath(folder)
    for name, function in CHECKS.items():
        own = os.path.join(base, name)
        os.mkdir(own)
        os.chdir(own)
        try:
            line = shown(function(name))
        except Exception as why:
            line = f"error {failure(why)}"
        print(f"{name}: {line!r}" if "\n" in line else f"{name}: {line}")


def main(args):
    try:
        if len(args) == 3 and args[1] == "exit":
            return int(args[2])
        run(args[0])
    except Exception as why:
        print(f"checks: {failure(why)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
