"""The built-in `open`, and `io`."""

import io
import os

from harness import check, held, kind, put


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
