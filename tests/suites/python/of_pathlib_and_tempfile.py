"""`pathlib` and `tempfile`."""

import os
import pathlib
import stat
import tempfile

from harness import check, held, kind, put, tree


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
