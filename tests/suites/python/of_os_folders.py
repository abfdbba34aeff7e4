"""`os`, on folders, paths and names."""

import os

from harness import check, held, kind, put, tree


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
