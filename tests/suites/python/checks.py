"""Checks of Python's standard library on files in a folder: `checks.py FOLDER`.

The same source runs in CPython on Linux and, by `app.py`, as a WASI command; `run.sh` compares what both print and
the files that both leave. Each check has a folder of its own, by its name, and prints `NAME: VALUE`, or `NAME: error
TYPE ERRNO`. Nothing that it prints depends on the clock, on numbers of the file system or on the order of a folder.

`checks.py FOLDER exit N` ends with the status N.
"""

import configparser
import csv
import dbm.dumb
import errno
import filecmp
import fileinput
import glob
import gzip
import hashlib
import importlib
import io
import json
import linecache
import logging
import logging.handlers
import mailbox
import os
import pathlib
import pickle
import py_compile
import random
import runpy
import shelve
import shutil
import stat
import sys
import tarfile
import tempfile
import time
import zipapp
import zipfile

try:
    import sqlite3
except ImportError:
    sqlite3 = None

CHECKS = {}


def check(function):
    CHECKS[function.__name__.replace("_", "-")] = function
    return function


def failure(why):
    if isinstance(why, OSError) and why.errno is not None:
        return f"{type(why).__name__} {errno.errorcode.get(why.errno, why.errno)}"
    return type(why).__name__


def kind(function, *args, **more):
    """`done`, or the error: checks join several of these."""
    try:
        function(*args, **more)
    except Exception as why:
        return failure(why)
    return "done"


def put(path, text):
    with open(path, "w") as file:
        file.write(text)


def held(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as why:
        return failure(why)


def tree(folder):
    found = []
    for path, folders, files in os.walk(folder):
        place = os.path.relpath(path, folder)
        found += [os.path.normpath(os.path.join(place, name)) + "/" for name in folders]
        found += [os.path.normpath(os.path.join(place, name)) for name in files]
    return " ".join(sorted(found))


# The built-in open and io.


@check
def open_modes(own):
    put("there", "there")
    found = []
    for mode in ("r", "r+", "w", "w+", "a", "a+", "x", "x+", "rb", "wb", "rw", "rt+"):
        found.append(f"{mode} {kind(lambda: open('there', mode).close())} {kind(lambda: open('new-' + mode, mode).close())}")
    return ", ".join(found)


@check
def open_errors(own):
    os.mkdir("d")
    put("f", "f")
    return (
        kind(open, "none"), kind(open, "d"), kind(open, "d", "w"), kind(open, "f/g"), kind(open, "f/"),
        kind(open, "none/f", "w"), kind(open, "a\0b"),
    )


@check
def text_lines(own):
    with open("f", "w", newline="") as file:
        file.writelines(["one\r\n", "two\n", "thr\u00e9e"])
    with open("f") as file:
        return repr(list(file))


@check
def read_plus(own):
    put("f", "0123456789")
    with open("f", "r+b") as file:
        file.seek(3)
        file.write(b"abc")
        file.seek(-2, io.SEEK_END)
        end = file.read()
        file.truncate(8)
        return end, file.tell(), held("f")


@check
def append_plus(own):
    put("f", "one")
    with open("f", "a+") as file:
        before = file.tell()
        file.write(" two")
        file.flush()
        after = file.tell()
        file.seek(0)
        return before, after, file.read()


@check
def append_alone(own):
    for text in ("one ", "two ", "three"):
        with open("f", "a") as file:
            file.write(text)
    return held("f")


@check
def unbuffered(own):
    with open("f", "wb", buffering=0) as file:
        written = [file.write(b"x" * size) for size in (1, 1000, 60_000)]
    with open("f", "rb", buffering=0) as file:
        everything = file.readall()
    return written, len(everything), os.path.getsize("f")


@check
def unbuffered_large(own):
    with open("f", "wb", buffering=0) as file:
        return file.write(b"x" * 200_000)


@check
def buffered_large(own):
    with open("f", "wb") as file:
        written = file.write(bytes(range(256)) * 10_000)
    with open("f", "rb") as file:
        return written, file.read() == bytes(range(256)) * 10_000


@check
def read_into(own):
    put("f", "abcdef")
    with open("f", "rb") as file:
        buffer = bytearray(4)
        return file.readinto(buffer), bytes(buffer), file.peek(1)[:1], file.read(), file.read()


@check
def closed(own):
    file = open("f", "w")
    file.close()
    return kind(file.write, "a"), kind(open("f").write, "a"), kind(open("f", "w").read)


@check
def fileno_and_fdopen(own):
    descriptor = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "w+") as file:
        file.write("text")
        file.flush()
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        again = kind(os.open, "f", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        return size, file.read(), again, file.isatty()


# os


@check
def os_low_level(own):
    descriptor = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
    found = [os.write(descriptor, b"abcdef"), os.lseek(descriptor, 1, os.SEEK_SET), os.read(descriptor, 2)]
    found += [os.pread(descriptor, 2, 4), os.pwrite(descriptor, b"X", 0), os.lseek(descriptor, 0, os.SEEK_CUR)]
    os.ftruncate(descriptor, 3)
    os.close(descriptor)
    return *found, held("f"), kind(os.read, descriptor, 1)


@check
def os_append(own):
    put("f", "one")
    descriptor = os.open("f", os.O_WRONLY | os.O_APPEND)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b" two")
    os.close(descriptor)
    return held("f")


@check
def os_dup(own):
    descriptor = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
    other = os.dup(descriptor)
    os.write(descriptor, b"a")
    os.write(other, b"b")
    os.close(descriptor)
    os.close(other)
    return held("f")


@check
def os_flags(own):
    put("f", "f")
    os.mkdir("d")
    os.symlink("f", "l")
    return (
        kind(os.open, "f", os.O_RDONLY | os.O_DIRECTORY), kind(os.open, "d", os.O_RDONLY | os.O_DIRECTORY),
        kind(os.open, "l", os.O_RDONLY | os.O_NOFOLLOW), kind(os.open, "f", os.O_RDWR | os.O_NONBLOCK),
        kind(os.open, "d", os.O_RDWR), kind(os.open, "d", os.O_RDONLY), kind(os.open, "f", os.O_WRONLY | os.O_TRUNC),
        os.path.getsize("f"),
    )


@check
def os_flags_none(own):
    """Linux takes flags without `O_RDONLY` for a reader, since it is 0 there."""
    put("f", "f")
    return kind(os.open, "f", 0)


@check
def os_flags_sync(own):
    return kind(os.open, "f", os.O_RDWR | os.O_CREAT | os.O_SYNC, 0o644)


@check
def os_stat(own):
    put("f", "four")
    os.mkdir("d")
    os.symlink("f", "l")
    file, folder, link = os.stat("f"), os.stat("d"), os.lstat("l")
    return (
        file.st_size, stat.S_ISREG(file.st_mode), stat.S_ISDIR(folder.st_mode), stat.S_ISLNK(link.st_mode),
        link.st_size, os.stat("l").st_size, abs(file.st_mtime - time.time()) < 60, kind(os.stat, "none"),
    )


@check
def os_stat_mode(own):
    put("f", "four")
    os.mkdir("d")
    return stat.filemode(os.stat("f").st_mode), stat.filemode(os.stat("d").st_mode)


@check
def os_stat_links(own):
    put("f", "four")
    os.link("f", "g")
    return os.stat("f").st_nlink, os.stat("f").st_ino == os.stat("g").st_ino, os.path.samefile("f", "g")


@check
def os_stat_numbers(own):
    put("f", "f")
    put("g", "g")
    one, two = os.stat("f"), os.stat("g")
    with open("f") as file:
        same = os.fstat(file.fileno())
    return one.st_ino == two.st_ino, one.st_dev == two.st_dev, (one.st_ino, one.st_dev) == (same.st_ino, same.st_dev)


@check
def os_utime(own):
    put("f", "f")
    os.utime("f", (1_000_000_000, 1_100_000_000))
    first = os.stat("f")
    os.utime("f", ns=(1_200_000_000_123_456_789, 1_300_000_000_987_654_321))
    second = os.stat("f")
    os.utime("f")
    now = abs(os.stat("f").st_mtime - time.time()) < 60
    return first.st_atime, first.st_mtime, second.st_atime_ns, second.st_mtime_ns, now


@check
def os_utime_folder(own):
    os.mkdir("d")
    os.utime("d", (1_000_000_000, 1_100_000_000))
    return os.stat("d").st_mtime


@check
def os_utime_link(own):
    put("f", "f")
    os.symlink("f", "l")
    os.utime("l", (1, 2), follow_symlinks=False)
    return os.lstat("l").st_mtime, os.stat("f").st_mtime > 2


@check
def os_replace(own):
    put("a", "a")
    put("b", "b")
    os.mkdir("d")
    os.replace("a", "b")
    return (
        held("b"), tree("."), kind(os.replace, "b", "d"), kind(os.replace, "d", "b"), kind(os.replace, "none", "b"),
        kind(os.rename, "b", "d/c"), tree("."),
    )


@check
def os_renames(own):
    put("a", "a")
    os.renames("a", "x/y/z")
    os.renames("x/y/z", "b")
    return tree(".")


@check
def os_link(own):
    put("f", "text")
    os.link("f", "g")
    with open("g", "a") as file:
        file.write(" more")
    os.unlink("f")
    os.mkdir("d")
    return held("g"), kind(os.link, "g", "g"), kind(os.link, "none", "h"), kind(os.link, "d", "h"), tree(".")


@check
def os_symlink(own):
    put("f", "text")
    os.symlink("f", "l")
    os.symlink("none", "dangles")
    return (
        held("l"), os.readlink("l"), os.path.islink("l"), os.path.exists("dangles"), os.path.lexists("dangles"),
        kind(os.symlink, "f", "l"), kind(os.readlink, "f"), kind(open, "dangles"),
    )


@check
def os_symlink_up(own):
    os.mkdir("d")
    put("f", "text")
    os.symlink("../f", "d/l")
    return held("d/l")


@check
def os_symlink_absolute(own):
    os.symlink("/none", "l")
    return os.readlink("l")


@check
def os_scandir(own):
    put("f", "four")
    os.mkdir("d")
    os.symlink("d", "l")
    with os.scandir(".") as found:
        rows = [
            (entry.name, entry.is_file(), entry.is_dir(), entry.is_symlink(), entry.is_dir(follow_symlinks=False))
            for entry in found
        ]
    return *sorted(rows), kind(os.scandir, "f"), kind(os.scandir, "none")


@check
def os_scandir_inode(own):
    put("f", "f")
    with os.scandir(".") as found:
        return [entry.inode() == os.stat("f").st_ino for entry in found]


@check
def os_listdir(own):
    for number in range(200):
        put(f"name-{number:03}", "")
    found = sorted(os.listdir())
    return len(found), found[0], found[-1], sorted(os.listdir(b"."))[0]


@check
def os_listdir_descriptor(own):
    put("f", "f")
    folder = os.open(".", os.O_RDONLY)
    try:
        return os.listdir(folder)
    finally:
        os.close(folder)


@check
def os_by_folder(own):
    os.mkdir("d")
    put("d/f", "four")
    folder = os.open("d", os.O_RDONLY)
    try:
        size = os.stat("f", dir_fd=folder).st_size
        os.mkdir("e", dir_fd=folder)
        os.rename("f", "g", src_dir_fd=folder, dst_dir_fd=folder)
        descriptor = os.open("h", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
        os.write(descriptor, b"text")
        os.close(descriptor)
        os.unlink("g", dir_fd=folder)
        return size, tree("d"), kind(os.rmdir, "e", dir_fd=folder), tree("d"), held("d/h")
    finally:
        os.close(folder)


@check
def os_walk(own):
    os.makedirs("a/b/c")
    os.makedirs("a/d")
    put("a/1", "")
    put("a/b/2", "")
    os.symlink("b", "a/l")
    top = [(path, sorted(folders), sorted(files)) for path, folders, files in os.walk("a")]
    bottom = [path for path, _, _ in os.walk("a", topdown=False)]
    followed = [path for path, _, _ in os.walk("a", followlinks=True)]
    return sorted(top), len(bottom), bottom[-1], sorted(followed)


@check
def os_makedirs(own):
    os.makedirs("a/b/c")
    put("f", "f")
    return (
        kind(os.makedirs, "a/b/c"), kind(os.makedirs, "a/b/c", exist_ok=True), kind(os.makedirs, "f/g"),
        kind(os.mkdir, "a"), kind(os.mkdir, "none/a"), kind(os.mkdir, "f"), kind(os.removedirs, "a/b/c"), tree("."),
    )


@check
def os_remove(own):
    put("f", "f")
    os.makedirs("d/e")
    return (
        kind(os.remove, "d"), kind(os.rmdir, "f"), kind(os.rmdir, "d"), kind(os.rmdir, "d/e"), kind(os.remove, "none"),
        kind(os.rmdir, "none"), kind(os.remove, "f/"), kind(os.remove, "f"), tree("."),
    )


@check
def os_truncate(own):
    put("f", "abcdef")
    os.truncate("f", 3)
    short = held("f")
    os.truncate("f", 5)
    return short, repr(held("f"))


@check
def os_modes(own):
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, 0o600))
    os.mkdir("d", 0o700)


@check
def os_chmod(own):
    put("f", "f")
    os.chmod("f", 0o600)
    return stat.filemode(os.stat("f").st_mode)


@check
def os_access(own):
    put("f", "f")
    return os.access("f", os.F_OK), os.access("f", os.R_OK), os.access("f", os.W_OK), os.access("none", os.F_OK)


@check
def os_getcwd(own):
    os.mkdir("d")
    before = os.getcwd()
    os.chdir("d")
    put("f", "text")
    inside = os.path.relpath(os.getcwd(), before)
    up = held("../d/f")
    os.chdir("..")
    return inside, up, os.path.samefile(os.getcwd(), before), held("d/f"), kind(os.chdir, "none"), kind(os.chdir, "d/f")


@check
def os_path(own):
    os.makedirs("a/b")
    put("a/f", "text")
    os.symlink("a", "l")
    base = os.path.realpath(".")
    return (
        os.path.relpath(os.path.realpath("l/b/../f"), base), os.path.isfile("a/f"), os.path.isdir("l"),
        os.path.getsize("a/f"), os.path.isabs(base), os.path.exists("a/f/"), os.path.ismount("a"),
    )


@check
def os_path_empty(own):
    return os.path.exists(""), kind(os.stat, ""), kind(os.listdir, ""), kind(os.mkdir, "")


@check
def os_getcwd_again(own):
    before = os.getcwd()
    os.chdir(".")
    same = os.getcwd() == before
    os.mkdir("d")
    os.chdir("d")
    os.chdir("..")
    return same, os.getcwd() == before


@check
def os_names(own):
    for name in ("a b", "-", "...", "a:b", "~", "*", "line\nend", "\u00fc", "\U0001f980", "\t"):
        put(name, name)
    return repr(sorted(os.listdir()))


@check
def os_names_backslash(own):
    put("a\\b", "text")
    return held("a\\b")


@check
def os_names_not_text(own):
    with open(b"a\xffb", "w") as file:
        file.write("text")
    return repr(os.listdir())


@check
def os_names_long(own):
    return kind(put, "a" * 255, ""), kind(put, "a" * 256, ""), len(os.listdir())


@check
def os_paths_long(own):
    return kind(open, "a/" * 3000 + "a"), kind(os.symlink, "a/" * 3000, "l")


@check
def os_statvfs(own):
    return os.statvfs(".").f_namemax


@check
def os_unlinked(own):
    with open("f", "w+") as file:
        file.write("kept")
        file.flush()
        os.unlink("f")
        file.seek(0)
        return file.read(), os.listdir()


# pathlib


@check
def path_basics(own):
    path = pathlib.Path("d/e")
    path.mkdir(parents=True)
    path.mkdir(exist_ok=True)
    file = path / "f.txt"
    written = file.write_text("t\u00e9xt", encoding="utf-8")
    return (
        written, file.read_text(encoding="utf-8"), file.read_bytes(), file.stat().st_size, file.exists(), file.is_file(),
        path.is_dir(), kind(path.mkdir), kind(file.touch, exist_ok=False), kind(path.rmdir),
    )


@check
def path_iterate(own):
    for name in ("a.txt", "b.txt", "d/c.txt", "d/e/f.txt", ".hidden.txt"):
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    here = pathlib.Path(".")
    return (
        sorted(map(str, here.iterdir())), sorted(map(str, here.glob("*.txt"))), sorted(map(str, here.rglob("*.txt"))),
        sorted(map(str, here.glob("d/**/*.txt"))),
    )


@check
def path_rename(own):
    path = pathlib.Path("a")
    path.write_text("a")
    moved = path.rename("b")
    pathlib.Path("c").write_text("c")
    replaced = moved.replace("c")
    return str(moved), str(replaced), replaced.read_text(), tree(".")


@check
def path_links(own):
    pathlib.Path("f").write_text("text")
    link, hard = pathlib.Path("l"), pathlib.Path("h")
    link.symlink_to("f")
    hard.hardlink_to("f")
    return (
        link.is_symlink(), str(link.readlink()), link.read_text(), hard.samefile("f"), link.lstat().st_size,
        str(link.resolve().relative_to(pathlib.Path(".").resolve())), kind(pathlib.Path("none").resolve, strict=True),
    )


@check
def path_unlink(own):
    path = pathlib.Path("f")
    path.touch()
    path.unlink()
    return kind(path.unlink), kind(path.unlink, missing_ok=True), path.exists()


@check
def path_touch(own):
    path = pathlib.Path("f")
    path.write_text("text")
    os.utime(path, (1, 2))
    path.touch()
    return path.read_text(), path.stat().st_mtime > 2


# shutil


@check
def shutil_copy(own):
    put("f", "text" * 50_000)
    os.utime("f", (1_000_000_000, 1_100_000_000))
    os.mkdir("d")
    one, two, three = shutil.copy("f", "g"), shutil.copyfile("f", "h"), shutil.copy("f", "d")
    return (
        one, two, three, filecmp.cmp("f", "g", shallow=False), os.stat("g").st_mtime > 1_100_000_000,
        kind(shutil.copy, "f", "f"), kind(shutil.copy, "none", "g"), kind(shutil.copy, "d", "e"),
    )


@check
def shutil_copy2(own):
    put("f", "text")
    os.utime("f", ns=(1_000_000_000_123_456_789, 1_100_000_000_123_456_789))
    shutil.copy2("f", "g")
    return held("g"), os.stat("g").st_mtime_ns


@check
def shutil_copytree(own):
    os.makedirs("a/b")
    put("a/f", "f")
    put("a/b/g", "g")
    put("a/b/g.skip", "g")
    os.symlink("f", "a/l")
    shutil.copytree("a", "followed", ignore=shutil.ignore_patterns("*.skip"))
    shutil.copytree("a", "links", symlinks=True)
    again = kind(shutil.copytree, "a", "links")
    return tree("followed"), tree("links"), os.path.islink("followed/l"), os.path.islink("links/l"), again


@check
def shutil_move(own):
    put("f", "f")
    os.mkdir("d")
    os.makedirs("e/x")
    moved = shutil.move("f", "d")
    renamed = shutil.move("e", "g")
    inside = shutil.move("g", "d")
    return moved, renamed, inside, kind(shutil.move, "d", "d/d"), kind(shutil.move, "none", "x"), tree(".")


@check
def shutil_rmtree(own):
    os.makedirs("a/b/c")
    os.makedirs("kept")
    put("a/f", "f")
    put("a/b/g", "g")
    put("kept/f", "f")
    os.symlink("b", "a/l")
    os.symlink("kept", "to-kept")
    shutil.rmtree("a")
    return (
        kind(shutil.rmtree, "to-kept"), kind(shutil.rmtree, "none"), kind(shutil.rmtree, "none", ignore_errors=True),
        kind(shutil.rmtree, "kept/f"), tree("."),
    )


@check
def shutil_disk_usage(own):
    return shutil.disk_usage(".").total > 0


@check
def shutil_archives(own):
    os.makedirs("a/b")
    put("a/f", "f" * 1000)
    put("a/b/g", "g")
    found = []
    for name in ("zip", "tar", "gztar"):
        made = os.path.basename(shutil.make_archive(f"archive-{name}", name, "a"))
        shutil.unpack_archive(made, f"out-{name}")
        found.append((made, tree(f"out-{name}")))
        # Their bytes hold the time.
        os.remove(made)
    return found


@check
def shutil_copystat(own):
    put("f", "f")
    put("g", "g")
    os.utime("f", (1_000_000_000, 1_100_000_000))
    shutil.copystat("f", "g")
    return os.stat("g").st_mtime, kind(shutil.copymode, "f", "g")


# tempfile


@check
def tempfile_named(own):
    with tempfile.NamedTemporaryFile("w+", dir=".", prefix="p-", suffix=".s") as file:
        file.write("text")
        file.flush()
        name = os.path.basename(file.name)
        found = held(file.name), name.startswith("p-"), name.endswith(".s"), len(os.listdir())
    return *found, os.listdir()


@check
def tempfile_kept(own):
    with tempfile.NamedTemporaryFile("w", dir=".", delete=False) as file:
        file.write("text")
    text = held(file.name)
    os.unlink(file.name)
    return text, os.listdir()


@check
def tempfile_folder(own):
    with tempfile.TemporaryDirectory(dir=".") as folder:
        os.makedirs(os.path.join(folder, "a/b"))
        put(os.path.join(folder, "a/f"), "f")
        found = tree(folder)
    return found, os.path.exists(folder), os.listdir()


@check
def tempfile_mkstemp(own):
    descriptor, path = tempfile.mkstemp(dir=".", text=True)
    os.write(descriptor, b"text")
    os.close(descriptor)
    other = tempfile.mkdtemp(dir=".")
    found = held(path), os.path.isdir(other), path != tempfile.mktemp(dir=".")
    os.remove(path)
    os.rmdir(other)
    return found


@check
def tempfile_mode(own):
    descriptor, path = tempfile.mkstemp(dir=".")
    os.close(descriptor)
    mode = stat.filemode(os.stat(path).st_mode)
    os.remove(path)
    return mode


@check
def tempfile_unnamed(own):
    with tempfile.TemporaryFile(dir=".") as file:
        file.write(b"text")
        file.seek(0)
        return file.read(), os.listdir()


@check
def tempfile_spooled(own):
    with tempfile.SpooledTemporaryFile(max_size=10, dir=".") as file:
        file.write(b"x" * 5)
        file.write(b"y" * 50)
        file.seek(0)
        return len(file.read())


@check
def tempfile_default(own):
    before, tempfile.tempdir = tempfile.tempdir, None
    try:
        return os.path.isdir(tempfile.gettempdir())
    finally:
        tempfile.tempdir = before


# logging


def logged(handler, lines):
    logger = logging.Logger("suite")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    for number in range(lines):
        logger.warning("line %03d", number)
    handler.close()


@check
def logging_file(own):
    logged(logging.FileHandler("log"), 3)
    logged(logging.FileHandler("log"), 2)
    return held("log")


@check
def logging_rotating(own):
    logged(logging.handlers.RotatingFileHandler("log", maxBytes=100, backupCount=3), 50)
    return [(name, held(name)) for name in sorted(os.listdir())]


@check
def logging_timed(own):
    handler = logging.handlers.TimedRotatingFileHandler("log", when="S", backupCount=2, utc=True)
    handler.rolloverAt = 0
    logged(handler, 2)
    rotated = sorted(os.listdir())
    for name in rotated[1:]:
        os.rename(name, "log.rotated")
    return len(rotated), held("log")


@check
def logging_watched(own):
    handler = logging.handlers.WatchedFileHandler("log")
    record = logging.makeLogRecord({"msg": "line"})
    handler.emit(record)
    os.rename("log", "log.1")
    handler.emit(record)
    handler.close()
    return held("log"), held("log.1")


# Formats with files of their own.


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


@check
def zip_file(own):
    with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a/f", (2020, 1, 1, 0, 0, 0)), "text" * 1000)
    with zipfile.ZipFile("z.zip", "a") as archive:
        archive.writestr(zipfile.ZipInfo("g", (2020, 1, 1, 0, 0, 0)), "more")
    with zipfile.ZipFile("z.zip") as archive:
        archive.extractall("out")
        return archive.namelist(), archive.testzip(), tree("out")


@check
def tar_file(own):
    put("f", "text")
    os.symlink("f", "l")
    with tarfile.open("t.tar", "w") as archive:
        archive.add("f")
        archive.add("l")
    with tarfile.open("t.tar") as archive:
        members = [(member.name, member.issym(), member.size) for member in archive]
        archive.extractall("out", filter="data")
    os.remove("t.tar")
    return members, tree("out"), os.path.islink("out/l")


@check
def gzip_file(own):
    with gzip.open("f.gz", "wt") as file:
        file.write("text\n" * 1000)
    with gzip.open("f.gz", "rt") as file:
        lines = len(file.readlines())
    os.remove("f.gz")
    return lines


@check
def dbm_dumb(own):
    with dbm.dumb.open("db", "c") as db:
        for number in range(20):
            db[str(number)] = str(number * number)
        del db["3"]
    with dbm.dumb.open("db", "w") as db:
        db["4"] = "changed"
        return len(db), db["4"], tree(".")


@check
def shelve_file(own):
    # What `shelve.open` picks depends on the build.
    with shelve.Shelf(dbm.dumb.open("s"), protocol=4) as shelf:
        shelf["k"] = {"a": [1, 2]}
    with shelve.Shelf(dbm.dumb.open("s"), protocol=4) as shelf:
        return shelf["k"]


@check
def pickle_and_json(own):
    value = {"a": [1, 2.5, None], "b": "\u00fc"}
    with open("p", "wb") as file:
        pickle.dump(value, file, protocol=4)
    with open("j", "w") as file:
        json.dump(value, file)
    with open("p", "rb") as pickled, open("j") as text:
        return pickle.load(pickled) == value, json.load(text) == value


@check
def csv_and_config(own):
    with open("c", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b,c"], ["1", 'say "x"']])
    with open("c", newline="") as file:
        rows = list(csv.reader(file))
    config = configparser.ConfigParser()
    config["one"] = {"key": "value"}
    with open("i", "w") as file:
        config.write(file)
    again = configparser.ConfigParser()
    return rows, again.read(["i", "none"]), again["one"]["key"]


@check
def fileinput_in_place(own):
    put("f", "one\ntwo\n")
    with fileinput.input("f", inplace=True, backup=".bak") as lines:
        for line in lines:
            print(line.upper(), end="")
    return held("f"), held("f.bak")


@check
def glob_and_linecache(own):
    os.makedirs("a/b")
    put("a/b/f.txt", "one\ntwo\n")
    put("a/g.txt", "")
    return sorted(glob.glob("**/*.txt", recursive=True)), linecache.getline("a/b/f.txt", 2)


@check
def hash_of_a_file(own):
    put("f", "text" * 100_000)
    with open("f", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@check
def compare_folders(own):
    for folder in ("a", "b"):
        os.makedirs(f"{folder}/same")
        put(f"{folder}/f", "f")
    put("a/only", "")
    put("b/g", "1")
    put("a/g", "22")
    found = filecmp.dircmp("a", "b")
    return sorted(found.left_only), sorted(found.diff_files), sorted(found.same_files), sorted(found.common_dirs)


@check
def import_of_a_module(own):
    put("module_of_this_check.py", "value = 42\n")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module("module_of_this_check")
        compiled = py_compile.compile("module_of_this_check.py", cfile="compiled.pyc")
        found = module.value, compiled, runpy.run_path("module_of_this_check.py")["value"]
    finally:
        sys.path.pop(0)
    shutil.rmtree("__pycache__", ignore_errors=True)
    # Its bytes depend on the release of Python.
    os.remove("compiled.pyc")
    return found


@check
def mailbox_and_zipapp(own):
    box = mailbox.Maildir("mail")
    key = box.add("Subject: one\n\ntext\n")
    subject = box[key]["Subject"]
    box.remove(key)
    os.mkdir("app")
    put("app/__main__.py", "print(1)")
    zipapp.create_archive("app", "app.pyz")
    size = os.path.getsize("app.pyz") > 0
    os.remove("app.pyz")
    found = tree("mail")
    # Its folders are for their owner alone, where there are modes.
    shutil.rmtree("mail")
    return subject, len(box), found, size


@check
def pattern_of_writes(own):
    """Writes, seeks and cuts by a fixed sequence of numbers, in a file and in memory."""
    numbers = random.Random(7)
    memory = io.BytesIO()
    with open("f", "w+b") as file:
        for _ in range(400):
            action, place, size = numbers.randrange(4), numbers.randrange(5000), numbers.randrange(300)
            for each in (file, memory):
                each.seek(place)
                if action == 0:
                    each.read(size)
                elif action == 3:
                    # In memory, a file does not grow by `truncate`.
                    each.truncate(min(place, len(memory.getvalue())))
                else:
                    each.seek(min(place, len(memory.getvalue())))
                    each.write(bytes([action]) * size)
    with open("f", "rb") as file:
        found = file.read()
    return found == memory.getvalue(), hashlib.sha256(found).hexdigest()


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
