"""What the checks share: how they are named, and how they say what they find."""

import errno
import os

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
