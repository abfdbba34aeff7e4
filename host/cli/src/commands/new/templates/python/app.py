"""Counts the lines, words and bytes of a text."""

import wit_world
from componentize_py_types import Err
from wit_world.imports import log
from wit_world.imports.types import Error_InvalidInput


class WitWorld(wit_world.WitWorld):
    def run(self, input: bytes) -> bytes:
        try:
            text = input.decode()
        except UnicodeDecodeError as error:
            raise Err(Error_InvalidInput(f"the input is not UTF-8: {error}")) from error
        log.write(log.Level.INFO, f"{len(input)} bytes of input")
        lines, words = len(text.splitlines()), len(text.split())
        return f"lines: {lines}, words: {words}, bytes: {len(input)}\n".encode()
