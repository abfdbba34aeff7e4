"""`sqlite3` with a database in a file."""

import os

try:
    import sqlite3
except ImportError:
    sqlite3 = None

from harness import check, kind, put


def sqlite_check(function):
    """A check whose databases leave their text: their bytes depend on the release of SQLite."""

    def checked(own):
        open_ones = []

        def connected(path):
            if sqlite3 is None:
                raise LookupError("the build has no sqlite3")
            connection = sqlite3.connect(path, timeout=0)
            open_ones.append(connection)
            return connection

        try:
            return function(connected)
        finally:
            for connection in open_ones:
                connection.close()
            for name in [name for name in os.listdir() if name.endswith(".db")]:
                connection = sqlite3.connect(name)
                put(f"{name}.sql", "\n".join(connection.iterdump()))
                connection.close()
                os.remove(name)

    checked.__name__ = function.__name__
    return check(checked)


def filled(connection):
    with connection:
        connection.execute("create table if not exists t (a integer primary key, b text)")
        connection.executemany("insert into t (b) values (?)", [(f"row {n}",) for n in range(1000)])


def rows(connection):
    return connection.execute("select count(*), sum(a) from t").fetchone()


@sqlite_check
def sqlite_file(connected):
    for _ in range(2):
        connection = connected("a.db")
        filled(connection)
        connection.close()
    connection = connected("a.db")
    found = rows(connection), connection.execute("pragma integrity_check").fetchone(), os.listdir()
    connection.close()
    return found


@sqlite_check
def sqlite_rollback(connected):
    connection = connected("a.db")
    filled(connection)
    connection.execute("delete from t where a > 10")
    during = rows(connection), os.path.exists("a.db-journal")
    connection.rollback()
    try:
        with connection:
            connection.execute("update t set b = 'changed'")
            raise KeyError
    except KeyError:
        pass
    changed = connection.execute("select count(*) from t where b = 'changed'").fetchone()
    connection.close()
    return during, changed, os.listdir()


@sqlite_check
def sqlite_journals(connected):
    found = []
    for mode in ("delete", "truncate", "persist", "memory", "off"):
        connection = connected(f"{mode}.db")
        got = connection.execute(f"pragma journal_mode = {mode}").fetchone()
        filled(connection)
        found.append((got, rows(connection)))
        connection.close()
    names = sorted(os.listdir())
    os.remove("persist.db-journal")
    return found, names


@sqlite_check
def sqlite_wal(connected):
    connection = connected("a.db")
    mode = connection.execute("pragma journal_mode = wal").fetchone()
    filled(connection)
    found = rows(connection)
    connection.close()
    return mode, found


@sqlite_check
def sqlite_two(connected):
    one, two = connected("a.db"), connected("a.db")
    filled(one)
    seen = rows(two)
    one.execute("begin immediate")
    refused = kind(two.execute, "begin immediate")
    one.execute("delete from t")
    one.commit()
    return seen, refused, rows(two)


@sqlite_check
def sqlite_reader_beside_a_writer(connected):
    one, two = connected("a.db"), connected("a.db")
    filled(one)
    one.execute("delete from t")
    during = rows(two)
    one.commit()
    return during


@sqlite_check
def sqlite_vacuum(connected):
    connection = connected("a.db")
    filled(connection)
    large = os.path.getsize("a.db")
    with connection:
        connection.execute("delete from t where a > 10")
    connection.execute("vacuum")
    small = os.path.getsize("a.db")
    copy = connected("copy.db")
    connection.backup(copy)
    connection.execute("attach 'copy.db' as other")
    both = connection.execute("select count(*) from t join other.t using (a)").fetchone()
    return large > small, rows(copy), both


@sqlite_check
def sqlite_errors(connected):
    put("f", "no database, but long enough to be looked at as one" * 20)
    os.mkdir("d")
    return (
        kind(lambda: rows(connected("f"))), kind(lambda: rows(connected("d"))), kind(lambda: connected("none/a.db")),
        kind(lambda: sqlite3.connect("file:none?mode=ro", uri=True)), os.path.exists("none"),
    )
