"""The checks as a WASI command: componentize-py makes a component of this file, of `checks.py` and of CPython."""

# The component has what is imported as it is built, and no more of the library. CPython imports these by name, later.
import email.parser
import encodings.ascii
import encodings.cp437
import encodings.latin_1
import pkgutil
import sqlite3.dump
import sys

import checks
from wit_world import exports
from wit_world.imports import environment


class Run(exports.Run):
    def run(self) -> None:
        status = checks.main(environment.get_arguments()[1:])
        sys.stdout.flush()
        if status:
            sys.exit(status)
