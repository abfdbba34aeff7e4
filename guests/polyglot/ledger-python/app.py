"""Imports the CSV statements of Revolut into a double-entry ledger: guests/providers/ledger-csv in Python.

Built by `just guests-polyglot` with componentize-py.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config, types
from wit_world.imports.types import Amount, Balance, Directive, Posting, Problem, Transaction

HEADER = ["Type", "Product", "Started Date", "Completed Date", "Description", "Amount", "Fee", "Currency", "State", "Balance"]
UNMOVED = {"PENDING", "REVERTED", "DECLINED", "FAILED"}
MARK = b"\xef\xbb\xbf"

BLANK = re.compile(rb"[\r\n]*")
# A quoted field with the text behind its quotes, or one without, and what ends it. A quote that is never closed is none.
FIELD = re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)"([^,\r\n]*)|((?!")[^,\r\n]*))([,\r\n])')
WORD = re.compile(r"[^\t\n\f\r ]+")
MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
CURRENCY = re.compile(r"[A-Z0-9]{3,5}")
PRODUCT = re.compile(r"[A-Z][A-Za-z0-9]*")
# No other letters are changed.
LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

# Year, month, day, hour, minute, second: in order of time.
Moment = tuple[int, ...]


@dataclass
class Accounts:
    """The accounts that the statement's money moves between."""

    own: str
    counter: str
    fees: str


@dataclass
class Row:
    """A completed row, every field of it checked."""

    kind: str
    account: str
    completed: Moment
    description: str
    amount: Amount
    fee: Amount
    balance: Amount


def error(line: int, problem: Problem, message: str) -> Err:
    return Err(types.ImportError(line, problem, message))


def check_header(file: bytes) -> None:
    # Trimmed of ASCII white space, of which `bytes` counts one more.
    columns = file.split(b"\n", 1)[0].rstrip(b"\t\n\f\r ").split(b",")
    for at, name in enumerate(HEADER):
        if at >= len(columns) or columns[at] != name.encode():
            if at == 0:
                raise error(1, Problem.FORMAT, "this is not a Revolut statement")
            raise error(1, Problem.COLUMN, f"column {at + 1} must be `{name}`")
    if len(columns) > len(HEADER):
        raise error(1, Problem.COLUMN, f"more than {len(HEADER)} columns where {len(HEADER)} must be")


def records(file: bytes) -> Iterator[tuple[int, list[str]]]:
    """The line that each record starts on, and its fields. Empty lines are passed over."""
    if not file.endswith(b"\n"):
        # With this line end, a record that does not end here has open quotes.
        file += b"\n"
    at, line = 0, 1
    while True:
        start = BLANK.match(file, at).end()
        line += file.count(b"\n", at, start)
        if start == len(file):
            return
        at, fields, ended = start, [], False
        while not ended:
            field = FIELD.match(file, at)
            if field is None:
                raise error(line, Problem.FORMAT, "a quote is opened and never closed")
            quoted, behind, plain, end = field.groups()
            fields.append(plain if quoted is None else quoted.replace(b'""', b'"') + behind)
            at, ended = field.end(), end != b","
            if not ended and len(fields) == len(HEADER):
                raise error(line, Problem.COLUMN, f"more than {len(HEADER)} columns where {len(HEADER)} must be")
        if len(fields) < len(HEADER):
            raise error(line, Problem.COLUMN, f"{len(fields)} columns where {len(HEADER)} must be")
        try:
            yield line, [field.decode() for field in fields]
        except UnicodeDecodeError:
            raise error(line, Problem.ENCODING, "this is not UTF-8") from None
        line += file.count(b"\n", start, at)


def moment(text: str) -> Moment | None:
    found = MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day, *time = (int(part) for part in found.groups())
    exists = 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)
    in_day = time[0] < 24 and time[1] < 60 and time[2] < 60
    return (year, month, day, *time) if exists and in_day else None


def days_in_month(year: int, month: int) -> int:
    # The calendar repeats after 400 years, and Python's begins with the year 1.
    return monthrange(year % 400 + 400, month)[1]


def next_day(after: Moment) -> str:
    year, month, day = after[:3]
    if day < days_in_month(year, month):
        day += 1
    elif month < 12:
        month, day = month + 1, 1
    else:
        year, month, day = year + 1, 1, 1
    return f"{year:04}-{month:02}-{day:02}"


def one_line(text: str) -> str:
    return " ".join(WORD.findall(text))


def is_zero(decimal: str) -> bool:
    return not any(digit in decimal for digit in "123456789")


def negated(decimal: str) -> str:
    return decimal[1:] if decimal.startswith("-") else f"-{decimal}"


def money(line: int, column: str, number: str, currency: str) -> Amount:
    if CURRENCY.fullmatch(currency) is None:
        raise error(line, Problem.AMOUNT, f"`{currency}` is not a currency")
    if DECIMAL.fullmatch(number) is None:
        raise error(line, Problem.AMOUNT, f"{column}: `{number}` is not a number")
    return Amount(number, currency)


def parse_row(line: int, fields: list[str], own: str) -> Row | None:
    """The row of a record; none when its money did not move."""
    kind, product, _, completed, description, amount, fee, currency, state, balance = fields
    if state in UNMOVED:
        return None
    if state != "COMPLETED":
        raise error(line, Problem.FORMAT, f"the state `{state}` is not known")
    if product == "Current":
        account = own
    elif PRODUCT.fullmatch(product):
        account = f"{own}:{product}"
    else:
        raise error(line, Problem.FORMAT, f"the product `{product}` is not known")
    after = moment(completed)
    if after is None:
        raise error(line, Problem.DATE, f"`{completed}` is not a date and time")
    return Row(
        one_line(kind).replace("_", " ").translate(LOWER),
        account,
        after,
        one_line(description),
        money(line, "Amount", amount, currency),
        money(line, "Fee", fee, currency),
        money(line, "Balance", balance, currency),
    )


def transaction(row: Row, accounts: Accounts) -> Transaction:
    # A row that is a fee alone has an amount of zero, and no other side.
    has_fee = not is_zero(row.fee.number)
    is_fee_alone = has_fee and is_zero(row.amount.number)
    postings = []
    if not is_fee_alone:
        postings.append(Posting(row.account, row.amount))
    if has_fee:
        # The fee comes off on top of the amount.
        postings.append(Posting(row.account, Amount(negated(row.fee.number), row.fee.currency)))
        postings.append(Posting(accounts.fees, row.fee))
    if not is_fee_alone:
        postings.append(Posting(accounts.counter, None))
    year, month, day = row.completed[:3]
    return Transaction(f"{year:04}-{month:02}-{day:02}", row.description or None, row.kind, postings)


def directives(file: bytes, accounts: Accounts) -> list[Directive]:
    file = file.removeprefix(MARK)
    check_header(file)
    found: list[Directive] = []
    # The latest balance of each account and currency. The file is sorted by when a row was started, so the row completed
    # last need not be the last one.
    closings: dict[tuple[str, str], Row] = {}
    for line, fields in list(records(file))[1:]:
        row = parse_row(line, fields, accounts.own)
        if row is None:
            continue
        key = (row.account, row.balance.currency)
        if key not in closings or closings[key].completed <= row.completed:
            closings[key] = row
        found.append(types.Directive_Transaction(transaction(row, accounts)))
    for row in closings.values():
        # A balance is that of the start of a day, so of the day after.
        found.append(types.Directive_Balance(Balance(next_day(row.completed), row.account, row.balance)))
    return found


def setting(key: str, default: str) -> str:
    value = config.get(key)
    return default if value is None else value


class Importer(exports.Importer):
    def identify(self, name: str, head: bytes) -> bool:
        is_csv = name.translate(LOWER).endswith(".csv")
        return is_csv and head.removeprefix(MARK).startswith(",".join(HEADER).encode())

    def parse(self, statement: bytes) -> list[Directive]:
        accounts = Accounts(
            setting("account", "Assets:Bank:Checking"),
            setting("counter-account", "Expenses:Unknown"),
            setting("fee-account", "Expenses:Bank:Fees"),
        )
        return directives(statement, accounts)
