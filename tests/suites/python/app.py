"""The checks as a WASI command: componentize-py makes a component of this file and of `checks.py`."""

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
