//! Folders, and the kinds of files and folders.

use std::{
    fs::{self, DirBuilder, File},
    path::Path,
};

use crate::{Check, Found, held, join, kind, names};

pub(crate) const CHECKS: &[Check] = &[
    ("create-dir", create_dir),
    ("create-dir-all", create_dir_all),
    ("create-dir-all-below-a-file", create_dir_all_below_a_file),
    ("remove-dir", remove_dir),
    ("remove-dir-all", remove_dir_all),
    ("remove-dir-all-of-a-file", remove_dir_all_of_a_file),
    ("remove-dir-all-keeps-targets", remove_dir_all_keeps_targets),
    ("read-dir", read_dir),
    ("read-dir-many", read_dir_many),
    ("read-dir-missing", read_dir_missing),
    ("read-dir-removes", read_dir_removes),
    ("removed-while-open", removed_while_open),
    ("renamed-while-open", renamed_while_open),
    ("metadata", metadata),
    ("readonly", readonly),
    ("readonly-folder", readonly_folder),
    ("permissions-are-kept", permissions_are_kept),
];

fn create_dir(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(fs::create_dir(own.join("a"))),
        kind(fs::create_dir(own.join("f"))),
        kind(fs::create_dir(own.join("none/a"))),
        kind(fs::create_dir(own.join("b/"))),
        names(own)?,
    ])
}

fn create_dir_all(own: &Path) -> Found {
    fs::create_dir_all(own.join("a/b/c"))?;
    fs::create_dir_all(own.join("a/b/c"))?;
    fs::create_dir_all(own.join("a/./d/../e"))?;
    DirBuilder::new().recursive(true).create(own.join("a/f"))?;
    names(&own.join("a"))
}

fn create_dir_all_below_a_file(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(fs::create_dir_all(own.join("f/a"))),
        kind(fs::create_dir_all(own.join("f"))),
    ])
}

fn remove_dir(own: &Path) -> Found {
    fs::create_dir_all(own.join("a/b"))?;
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(fs::remove_dir(own.join("a"))),
        kind(fs::remove_dir(own.join("f"))),
        kind(fs::remove_dir(own.join("a/b"))),
        kind(fs::remove_dir(own.join("a"))),
        names(own)?,
    ])
}

fn remove_dir_all(own: &Path) -> Found {
    fs::create_dir_all(own.join("a/b/c"))?;
    fs::create_dir_all(own.join("a/d"))?;
    for file in ["a/1", "a/b/2", "a/b/c/3"] {
        fs::write(own.join(file), file)?;
    }
    fs::remove_dir_all(own.join("a"))?;
    names(own)
}

fn remove_dir_all_of_a_file(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    join(&[kind(fs::remove_dir_all(own.join("f"))), names(own)?])
}

#[expect(deprecated, reason = "the one that every target has")]
fn remove_dir_all_keeps_targets(own: &Path) -> Found {
    fs::create_dir(own.join("kept"))?;
    fs::write(own.join("kept/f"), "f")?;
    fs::create_dir(own.join("a"))?;
    fs::soft_link("f", own.join("a/dangles"))?;
    fs::soft_link("a", own.join("to-a"))?;
    join(&[
        kind(fs::remove_dir_all(own.join("to-a"))),
        kind(fs::remove_dir_all(own.join("a"))),
        held(own.join("kept/f")),
        names(own)?,
    ])
}

#[expect(deprecated, reason = "the one that every target has")]
fn read_dir(own: &Path) -> Found {
    fs::create_dir(own.join("d"))?;
    fs::write(own.join("f"), "four")?;
    fs::write(own.join(".hidden"), "")?;
    fs::write(own.join("ö ü"), "")?;
    fs::soft_link("f", own.join("l"))?;
    let mut all = Vec::new();
    for entry in fs::read_dir(own)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        all.push(format!(
            "{} {} {} {} {}",
            entry.file_name().to_string_lossy(),
            kind.is_dir(),
            kind.is_file(),
            kind.is_symlink(),
            if kind.is_file() {
                entry.metadata()?.len()
            } else {
                0
            },
        ));
    }
    all.sort();
    join(&all)
}

fn read_dir_many(own: &Path) -> Found {
    for number in 0..300 {
        File::create(own.join(format!("a-name-of-some-length-{number:04}")))?;
    }
    let all = names(own)?;
    Ok(format!("{} {}", all.split(' ').count(), all.len()))
}

fn read_dir_missing(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(fs::read_dir(own.join("none"))),
        kind(fs::read_dir(own.join("f"))),
        kind(fs::read_dir("")),
    ])
}

/// A program that empties a folder as it reads it.
fn read_dir_removes(own: &Path) -> Found {
    for number in 0..50 {
        File::create(own.join(number.to_string()))?;
    }
    let mut removed = 0;
    for entry in fs::read_dir(own)? {
        fs::remove_file(entry?.path())?;
        removed += 1;
    }
    Ok(format!("{removed} {:?}", names(own)?))
}

fn removed_while_open(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    let folder = File::open(own.join("a"))?;
    fs::remove_dir(own.join("a"))?;
    Ok(folder.metadata()?.is_dir().to_string())
}

fn renamed_while_open(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    fs::write(own.join("a/f"), "f")?;
    let folder = File::open(own.join("a"))?;
    let mut listed = fs::read_dir(own.join("a"))?;
    fs::rename(own.join("a"), own.join("b"))?;
    let first = match listed.next() {
        Some(Ok(entry)) => entry.file_name().to_string_lossy().into_owned(),
        Some(Err(why)) => format!("{:?}", why.kind()),
        None => "none".to_owned(),
    };
    join(&[first, kind(folder.metadata())])
}

fn metadata(own: &Path) -> Found {
    fs::write(own.join("f"), "four")?;
    let file = fs::metadata(own.join("f"))?;
    let folder = fs::metadata(own)?;
    join(&[
        format!("{} {} {}", file.len(), file.is_file(), file.is_dir()),
        format!("{} {}", folder.is_file(), folder.is_dir()),
        kind(file.modified()),
        kind(file.accessed()),
        kind(fs::metadata(own.join("none"))),
    ])
}

fn readonly(own: &Path) -> Found {
    let path = own.join("f");
    fs::write(&path, "f")?;
    let mut permissions = fs::metadata(&path)?.permissions();
    let before = permissions.readonly();
    permissions.set_readonly(true);
    let set = kind(fs::set_permissions(&path, permissions));
    let after = fs::metadata(&path)?.permissions().readonly();
    Ok(format!("{before} {set} {after}"))
}

fn readonly_folder(own: &Path) -> Found {
    let before = fs::metadata(own)?.permissions();
    let set = kind(fs::set_permissions(own, before.clone()));
    Ok(format!("{} {set}", before.readonly()))
}

/// A file that is written again keeps its permissions.
fn permissions_are_kept(own: &Path) -> Found {
    fs::write(own.join("f"), "f")?;
    let before = fs::metadata(own.join("f"))?.permissions();
    fs::write(own.join("f"), "g")?;
    Ok((fs::metadata(own.join("f"))?.permissions() == before).to_string())
}
