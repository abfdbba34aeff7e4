"""Modules with files of their own, and those that read them."""

import configparser
import csv
import dbm.dumb
import filecmp
import fileinput
import glob
import gzip
import hashlib
import importlib
import io
import json
import linecache
import mailbox
import os
import pickle
import py_compile
import random
import runpy
import shelve
import shutil
import sys
import tarfile
import zipapp
import zipfile

from harness import check, held, put, tree


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
