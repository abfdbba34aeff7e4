//! Paths: empty, with `..`, with ends that are a folder's, long, absolute.

use std::{
    env,
    fs::{self, File},
    path::Path,
};

use crate::{Check, Found, held, join, kind, names};

pub(crate) const CHECKS: &[Check] = &[
    ("trailing-slash-of-a-file", trailing_slash_of_a_file),
    ("trailing-slash-of-a-folder", trailing_slash_of_a_folder),
    ("empty-path", empty_path),
    ("dots-inside", dots_inside),
    ("dots-through-missing", dots_through_missing),
    ("double-slashes", double_slashes),
    ("canonicalize", canonicalize),
    ("exists", exists),
    ("long-name", long_name),
    ("long-path", long_path),
    ("nul-in-a-name", nul_in_a_name),
    ("odd-names", odd_names),
    ("name-with-a-backslash", name_with_a_backslash),
    ("remove-dot", remove_dot),
    ("current-dir", current_dir),
];

fn trailing_slash_of_a_file(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(File::open(own.join("f/"))),
        kind(File::open(own.join("f/."))),
        kind(fs::metadata(own.join("f/"))),
        kind(fs::symlink_metadata(own.join("f/"))),
        kind(File::create(own.join("g/"))),
        kind(fs::remove_file(own.join("f/"))),
        kind(fs::rename(own.join("f"), own.join("g/"))),
        kind(fs::rename(own.join("f/"), own.join("g"))),
        names(own)?,
    ])
}

fn trailing_slash_of_a_folder(own: &Path) -> Found {
    fs::create_dir(own.join("d/"))?;
    fs::write(own.join("d/f"), "f")?;
    join(&[
        names(&own.join("d/"))?,
        names(&own.join("d/."))?,
        kind(fs::create_dir(own.join("d/"))),
        kind(fs::rename(own.join("d/"), own.join("e/"))),
        kind(fs::remove_dir(own.join("e/."))),
        kind(fs::remove_dir_all(own.join("e/"))),
        names(own)?,
    ])
}

fn empty_path(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(File::open("")),
        kind(File::create("")),
        kind(fs::metadata("")),
        kind(fs::symlink_metadata("")),
        kind(fs::create_dir("")),
        kind(fs::create_dir_all("")),
        kind(fs::remove_file("")),
        kind(fs::remove_dir("")),
        kind(fs::rename(own.join("f"), "")),
        kind(fs::canonicalize("")),
        kind(fs::read_link("")),
        Path::new("").exists().to_string(),
    ])
}

fn dots_inside(own: &Path) -> Found {
    fs::create_dir_all(own.join("a/b"))?;
    fs::write(own.join("a/f"), "text")?;
    fs::write(own.join("a/b/../g"), "more")?;
    fs::rename(own.join("a/b/../g"), own.join("a/../g"))?;
    join(&[
        held(own.join("a/b/../f")),
        held(own.join("a/b/../../a/./f")),
        names(&own.join("a/b/../.."))?,
    ])
}

fn dots_through_missing(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    join(&[
        held(own.join("none/../f")),
        held(own.join("f/../f")),
        kind(fs::metadata(own.join("none/.."))),
    ])
}

fn double_slashes(own: &Path) -> Found {
    fs::create_dir_all(own.join("a//b"))?;
    fs::write(own.join("a///b//f"), "text")?;
    Ok(held(own.join("a/b/f")))
}

#[expect(deprecated, reason = "the one that every target has")]
fn canonicalize(own: &Path) -> Found {
    fs::create_dir_all(own.join("a/b"))?;
    fs::write(own.join("a/f"), "text")?;
    fs::soft_link("a", own.join("l"))?;
    let base = fs::canonicalize(own)?;
    let found = fs::canonicalize(own.join("l/b/../f"))?;
    let inside = found.strip_prefix(&base).unwrap_or(&found);
    join(&[
        base.is_absolute().to_string(),
        inside.display().to_string(),
        kind(fs::canonicalize(own.join("none"))),
    ])
}

fn exists(own: &Path) -> Found {
    fs::write(own.join("f"), "text")?;
    let tried = |name: &str| match fs::exists(own.join(name)) {
        Ok(found) => found.to_string(),
        Err(why) => format!("{:?}", why.kind()),
    };
    join(&[
        own.exists().to_string(),
        own.join("none").exists().to_string(),
        tried("f"),
        tried("none"),
        tried("none/f"),
        tried("f/g"),
        own.join("f").is_file().to_string(),
        own.is_dir().to_string(),
    ])
}

fn long_name(own: &Path) -> Found {
    join(&[
        kind(File::create(own.join("a".repeat(255)))),
        kind(File::create(own.join("a".repeat(256)))),
        kind(fs::metadata(own.join("a".repeat(256)))),
    ])
}

fn long_path(own: &Path) -> Found {
    let deep = vec!["folder-with-a-name"; 40].join("/");
    fs::create_dir_all(own.join(&deep))?;
    fs::write(own.join(&deep).join("f"), "text")?;
    let more = vec!["a"; 3000].join("/");
    join(&[
        held(own.join(&deep).join("f")),
        kind(File::open(own.join(more))),
        kind(fs::remove_dir_all(own.join("folder-with-a-name"))),
    ])
}

fn nul_in_a_name(own: &Path) -> Found {
    join(&[
        kind(File::create(own.join("a\0b"))),
        kind(fs::metadata(own.join("a\0b"))),
        names(own)?,
    ])
}

fn odd_names(own: &Path) -> Found {
    for name in [
        "a b",
        "-",
        "...",
        "..a",
        "a:b",
        "~",
        "*",
        "line\nend",
        "ü",
        "\u{1F980}",
        "CON",
        "\t",
    ] {
        fs::write(own.join(name), name)?;
    }
    Ok(format!(
        "{:?} {:?}",
        names(own)?,
        held(own.join("line\nend"))
    ))
}

fn name_with_a_backslash(own: &Path) -> Found {
    fs::write(own.join("a\\b"), "text")?;
    Ok(held(own.join("a\\b")))
}

fn remove_dot(own: &Path) -> Found {
    fs::create_dir_all(own.join("d/e"))?;
    join(&[
        kind(fs::remove_dir(own.join("d/."))),
        kind(fs::remove_dir(own.join("d/e/.."))),
        kind(fs::remove_file(own.join("d/.."))),
        kind(fs::rename(own.join("d/."), own.join("e"))),
        kind(fs::rename(own.join("d/e/.."), own.join("f"))),
        names(own)?,
    ])
}

/// A name without a folder is in the current one.
fn current_dir(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    let before = env::current_dir()?;
    env::set_current_dir(own.join("a"))?;
    let made = kind(fs::write("f", "text"));
    let up = kind(fs::write("../g", "text"));
    env::set_current_dir(before)?;
    join(&[made, up, held(own.join("a/f")), names(own)?])
}
