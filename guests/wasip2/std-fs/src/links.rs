//! Links, symbolic and hard.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
};

use crate::{Check, Found, held, join, kind, names};

pub(crate) const CHECKS: &[Check] = &[
    ("symlink", symlink),
    ("symlink-there", symlink_there),
    ("symlink-dangles", symlink_dangles),
    ("symlink-to-a-folder", symlink_to_a_folder),
    ("symlink-in-a-circle", symlink_in_a_circle),
    ("symlink-with-dots", symlink_with_dots),
    ("symlink-absolute", symlink_absolute),
    ("symlink-empty", symlink_empty),
    ("symlink-removed", symlink_removed),
    ("symlink-renamed", symlink_renamed),
    ("symlink-copied", symlink_copied),
    ("symlink-written", symlink_written),
    ("symlink-new", symlink_new),
    ("read-link", read_link),
    ("hard-link", hard_link),
    ("hard-link-refused", hard_link_refused),
    ("hard-link-of-a-symlink", hard_link_of_a_symlink),
];

#[expect(deprecated, reason = "the one that every target has")]
fn link(target: &str, path: impl AsRef<Path>) -> std::io::Result<()> {
    fs::soft_link(target, path)
}

fn what(path: impl AsRef<Path>) -> String {
    match fs::symlink_metadata(path) {
        Err(why) => format!("{:?}", why.kind()),
        Ok(found) if found.is_symlink() => format!("symlink {}", found.len()),
        Ok(found) if found.is_dir() => "folder".to_owned(),
        Ok(found) => format!("file {}", found.len()),
    }
}

fn symlink(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("f", own.join("l"))?;
    join(&[
        held(own.join("l")),
        what(own.join("l")),
        fs::metadata(own.join("l"))?.is_file().to_string(),
        fs::metadata(own.join("l"))?.len().to_string(),
    ])
}

fn symlink_there(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("f", own.join("l"))?;
    join(&[
        kind(link("g", own.join("l"))),
        kind(link("g", own.join("f"))),
        kind(link("g", own.join("none/l"))),
    ])
}

fn symlink_dangles(own: &Path) -> Found {
    link("none", own.join("l"))?;
    join(&[
        kind(File::open(own.join("l"))),
        kind(fs::metadata(own.join("l"))),
        what(own.join("l")),
        own.join("l").exists().to_string(),
    ])
}

fn symlink_to_a_folder(own: &Path) -> Found {
    fs::create_dir_all(own.join("d/e"))?;
    fs::write(own.join("d/f"), "f")?;
    link("d", own.join("l"))?;
    join(&[
        held(own.join("l/f")),
        names(&own.join("l"))?,
        // Beside the target, and not beside the link.
        kind(fs::metadata(own.join("l/e/../f"))),
        what(own.join("l/")),
        kind(fs::remove_dir(own.join("l"))),
        kind(fs::create_dir(own.join("l"))),
    ])
}

fn symlink_in_a_circle(own: &Path) -> Found {
    link("b", own.join("a"))?;
    link("a", own.join("b"))?;
    join(&[
        kind(File::open(own.join("a"))),
        kind(fs::metadata(own.join("a"))),
        kind(fs::read_dir(own.join("a"))),
        what(own.join("a")),
    ])
}

fn symlink_with_dots(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    fs::create_dir(own.join("d"))?;
    link("../f", own.join("d/l"))?;
    Ok(held(own.join("d/l")))
}

fn symlink_absolute(own: &Path) -> Found {
    link("/none", own.join("l"))?;
    Ok(what(own.join("l")))
}

fn symlink_empty(own: &Path) -> Found {
    join(&[kind(link("", own.join("l"))), kind(link("f", ""))])
}

fn symlink_removed(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("f", own.join("l"))?;
    fs::remove_file(own.join("l"))?;
    join(&[held(own.join("f")), names(own)?])
}

fn symlink_renamed(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    fs::write(own.join("g"), "other")?;
    link("f", own.join("l"))?;
    fs::rename(own.join("l"), own.join("m"))?;
    fs::rename(own.join("g"), own.join("m"))?;
    join(&[what(own.join("m")), held(own.join("f")), names(own)?])
}

fn symlink_copied(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("f", own.join("l"))?;
    fs::copy(own.join("l"), own.join("c"))?;
    join(&[what(own.join("c")), held(own.join("c"))])
}

fn symlink_written(own: &Path) -> Found {
    link("f", own.join("l"))?;
    // A file is made where the link leads.
    fs::write(own.join("l"), "made")?;
    OpenOptions::new()
        .append(true)
        .open(own.join("l"))?
        .write_all(b" more")?;
    join(&[what(own.join("l")), held(own.join("f")), names(own)?])
}

fn symlink_new(own: &Path) -> Found {
    link("none", own.join("l"))?;
    join(&[kind(File::create_new(own.join("l"))), names(own)?])
}

fn read_link(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("a/b/c", own.join("l"))?;
    join(&[
        fs::read_link(own.join("l"))?.display().to_string(),
        kind(fs::read_link(own.join("f"))),
        kind(fs::read_link(own)),
        kind(fs::read_link(own.join("none"))),
    ])
}

fn hard_link(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    fs::hard_link(own.join("f"), own.join("g"))?;
    OpenOptions::new()
        .append(true)
        .open(own.join("g"))?
        .write_all(b" more")?;
    let seen = held(own.join("f"));
    fs::remove_file(own.join("f"))?;
    join(&[seen, held(own.join("g")), names(own)?])
}

fn hard_link_refused(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    fs::create_dir(own.join("d"))?;
    join(&[
        kind(fs::hard_link(own.join("f"), own.join("f"))),
        kind(fs::hard_link(own.join("none"), own.join("g"))),
        kind(fs::hard_link(own.join("d"), own.join("g"))),
        kind(fs::hard_link(own.join("f"), own.join("none/g"))),
        kind(fs::hard_link(own.join("f"), own.join("d"))),
    ])
}

/// The link itself gets another name.
fn hard_link_of_a_symlink(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    link("f", own.join("l"))?;
    fs::hard_link(own.join("l"), own.join("m"))?;
    Ok(what(own.join("m")))
}
