"""JSON Lines statistics: one JSON object a line in, what each field holds as JSON out.

Built by `just guests-polyglot` with componentize-py, which makes a component of this file, of CPython and
of the standard library. It imports all of WASI 0.2 for it; the grant `wasi = "inert"` is enough.
"""

import json
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field

import wit_world
from componentize_py_types import Err
from wit_world.imports import log
from wit_world.imports.types import Error_InvalidInput, Error_NotFound

# The parser recurses, and a call has a stack of 512 KiB, far less than CPython's own limit assumes: deeper
# values would be stopped by the host, where an error of ours says what is wrong.
MAX_DEPTH = 64

BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


@dataclass
class Column:
    """What was seen of one field."""

    kinds: Counter[str] = field(default_factory=Counter)
    numbers: list[float] = field(default_factory=list)
    texts: Counter[str] = field(default_factory=Counter)

    def add(self, value: object) -> None:
        match value:
            case None:
                self.kinds["null"] += 1
            case bool():
                self.kinds["boolean"] += 1
            case int() | float():
                self.kinds["number"] += 1
                self.numbers.append(float(value))
            case str():
                self.kinds["string"] += 1
                self.texts[value] += 1
            case list():
                self.kinds["array"] += 1
            case _:
                self.kinds["object"] += 1

    def summary(self) -> dict[str, object]:
        result: dict[str, object] = {"kinds": dict(sorted(self.kinds.items()))}
        if self.numbers:
            result["numbers"] = {
                "min": min(self.numbers),
                "max": max(self.numbers),
                "mean": round(statistics.fmean(self.numbers), 6),
                "median": statistics.median(self.numbers),
            }
        if self.texts:
            # The most frequent first; of two as frequent, the one that sorts first.
            text, count = min(self.texts.items(), key=lambda item: (-item[1], item[0]))
            result["texts"] = {"distinct": len(self.texts), "top": text, "count": count}
        return result


def invalid(line: int, why: str) -> Err:
    return Err(Error_InvalidInput(f"line {line}: {why}"))


def number(text: str) -> float:
    value = float(text)
    # So that no sum of them is infinite, which JSON cannot say.
    if abs(value) > 1e300:
        raise ValueError("a number out of range")
    return value


def constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


# Made once: `json.loads` with options makes one for each line, and the call costs a third more fuel.
DECODER = json.JSONDecoder(parse_float=number, parse_int=number, parse_constant=constant)


def too_deep(line: str) -> bool:
    if line.count("[") + line.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in BRACKETS.finditer(line):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False


def columns(text: str) -> tuple[int, dict[str, Column]]:
    """The number of records, and their fields in the order in which they first came."""
    records = 0
    found: dict[str, Column] = {}
    # Not `splitlines`: a JSON string may hold the line separators of Unicode.
    for at, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if too_deep(line):
            raise invalid(at, f"nested deeper than {MAX_DEPTH}")
        try:
            record = DECODER.decode(line)
        except json.JSONDecodeError as error:
            raise invalid(at, f"{error.msg} at column {error.colno}") from error
        except ValueError as error:
            raise invalid(at, str(error)) from error
        if not isinstance(record, dict):
            raise invalid(at, "not an object")
        records += 1
        for name, value in record.items():
            found.setdefault(name, Column()).add(value)
    return records, found


class WitWorld(wit_world.WitWorld):
    def run(self, input: bytes) -> bytes:
        try:
            text = input.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Err(Error_InvalidInput(f"not UTF-8 at byte {error.start}")) from error
        records, found = columns(text)
        if records == 0:
            raise Err(Error_NotFound("no record in the input"))
        log.write(log.Level.INFO, f"{records} records, {len(found)} fields")
        report = {
            "records": records,
            "fields": {name: column.summary() for name, column in found.items()},
        }
        text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
        # A lone surrogate, which JSON may name and UTF-8 cannot hold, stays the escape it was.
        return text.encode(errors="backslashreplace")
