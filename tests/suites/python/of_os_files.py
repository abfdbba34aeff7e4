"""`os`, on files and links."""

import os
import stat
import time

from harness import check, held, kind, put, tree


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
def os_unlinked(own):
    with open("f", "w+") as file:
        file.write("kept")
        file.flush()
        os.unlink("f")
        file.seek(0)
        return file.read(), os.listdir()
