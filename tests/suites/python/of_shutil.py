"""`shutil`."""

import filecmp
import os
import shutil
import time

from harness import check, held, kind, put, tree


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
