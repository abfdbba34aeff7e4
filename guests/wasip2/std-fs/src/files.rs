//! Files as they are created, opened, replaced and removed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use crate::{Check, Found, held, join, kind, names};

pub(crate) const CHECKS: &[Check] = &[
    ("create", create),
    ("create-new", create_new),
    ("create-in-no-folder", create_in_no_folder),
    ("create-below-a-file", create_below_a_file),
    ("create-over-a-folder", create_over_a_folder),
    ("open-missing", open_missing),
    ("open-a-folder", open_a_folder),
    ("append", append),
    ("truncate", truncate),
    ("options", options),
    ("options-that-clash", options_that_clash),
    ("read-of-a-writer", read_of_a_writer),
    ("write-of-a-reader", write_of_a_reader),
    ("read-to-string", read_to_string),
    ("read-not-text", read_not_text),
    ("write-large", write_large),
    ("copy", copy),
    ("copy-over", copy_over),
    ("copy-missing", copy_missing),
    ("copy-a-folder", copy_a_folder),
    ("copy-onto-itself", copy_onto_itself),
    ("rename", rename),
    ("rename-over", rename_over),
    ("rename-into-a-folder", rename_into_a_folder),
    ("rename-over-a-folder", rename_over_a_folder),
    ("rename-to-itself", rename_to_itself),
    ("rename-missing", rename_missing),
    ("rename-to-no-folder", rename_to_no_folder),
    ("remove-file", remove_file),
    ("remove-missing", remove_missing),
    ("remove-file-of-a-folder", remove_file_of_a_folder),
    ("unlink-while-open", unlink_while_open),
];

fn create(own: &Path) -> Found {
    let path = own.join("a");
    File::create(&path)?.write_all(b"first")?;
    File::create(&path)?.write_all(b"2")?;
    Ok(held(path))
}

fn create_new(own: &Path) -> Found {
    let path = own.join("a");
    File::create_new(&path)?.write_all(b"first")?;
    join(&[
        kind(File::create_new(&path)),
        kind(File::create_new(own)),
        held(path),
    ])
}

fn create_in_no_folder(own: &Path) -> Found {
    File::create(own.join("none/a")).map(|_| String::new())
}

fn create_below_a_file(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    join(&[
        kind(File::create(own.join("a/b"))),
        kind(File::open(own.join("a/b"))),
        kind(fs::metadata(own.join("a/b"))),
        kind(fs::create_dir(own.join("a/b"))),
        kind(fs::remove_file(own.join("a/b"))),
    ])
}

fn create_over_a_folder(own: &Path) -> Found {
    File::create(own).map(|_| String::new())
}

fn open_missing(own: &Path) -> Found {
    join(&[
        kind(File::open(own.join("none"))),
        kind(OpenOptions::new().write(true).open(own.join("none"))),
        kind(OpenOptions::new().append(true).open(own.join("none"))),
    ])
}

/// Linux opens a folder to read, and gives an error when it is read.
fn open_a_folder(own: &Path) -> Found {
    let mut folder = File::open(own)?;
    let is_dir = folder.metadata()?.is_dir();
    join(&[
        is_dir.to_string(),
        kind(folder.read(&mut [0; 8])),
        kind(OpenOptions::new().write(true).open(own)),
        kind(fs::read(own)),
    ])
}

fn append(own: &Path) -> Found {
    let path = own.join("a");
    for text in ["one ", "two ", "three"] {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)?
            .write_all(text.as_bytes())?;
    }
    Ok(held(path))
}

fn truncate(own: &Path) -> Found {
    let path = own.join("a");
    fs::write(&path, "abc")?;
    OpenOptions::new()
        .write(true)
        .open(&path)?
        .write_all(b"x")?;
    let kept = held(path.clone());
    OpenOptions::new().write(true).truncate(true).open(&path)?;
    join(&[kept, held(path)])
}

/// Each set of options on a file that is there, and on one that is not.
fn options(own: &Path) -> Found {
    fs::write(own.join("there"), "there")?;
    let mut all = Vec::new();
    for set in 1_u8..32 {
        let bit = |at: u8| set & (1 << at) != 0;
        let mut options = OpenOptions::new();
        options
            .read(bit(0))
            .write(bit(1))
            .append(bit(2))
            .create(bit(3))
            .create_new(bit(4));
        let there = kind(options.open(own.join("there")));
        let missing = kind(options.open(own.join(format!("new-{set}"))));
        all.push(format!("{set} {there} {missing}"));
    }
    all.push(held(own.join("there")));
    join(&all)
}

#[expect(
    clippy::nonsensical_open_options,
    clippy::suspicious_open_options,
    reason = "how they are refused"
)]
fn options_that_clash(own: &Path) -> Found {
    let path = own.join("a");
    join(&[
        kind(OpenOptions::new().open(&path)),
        kind(OpenOptions::new().create(true).open(&path)),
        kind(OpenOptions::new().read(true).create(true).open(&path)),
        kind(OpenOptions::new().read(true).truncate(true).open(&path)),
        kind(OpenOptions::new().append(true).truncate(true).open(&path)),
        names(own)?,
    ])
}

fn read_of_a_writer(own: &Path) -> Found {
    File::create(own.join("a"))?
        .read(&mut [0; 8])
        .map(|read| read.to_string())
}

fn write_of_a_reader(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    let mut file = File::open(own.join("a"))?;
    join(&[
        kind(file.write(b"b")),
        kind(file.set_len(0)),
        held(own.join("a")),
    ])
}

fn read_to_string(own: &Path) -> Found {
    fs::write(own.join("a"), "höhe\n")?;
    let mut text = String::from("before ");
    let read = File::open(own.join("a"))?.read_to_string(&mut text)?;
    Ok(format!("{read} {text:?}"))
}

fn read_not_text(own: &Path) -> Found {
    fs::write(own.join("a"), [b'a', 0xff, b'b'])?;
    join(&[
        kind(fs::read_to_string(own.join("a"))),
        format!("{:?}", fs::read(own.join("a"))?),
    ])
}

/// More than one call of the host moves.
fn write_large(own: &Path) -> Found {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    fs::write(own.join("a"), &bytes)?;
    Ok((fs::read(own.join("a"))? == bytes).to_string())
}

fn copy(own: &Path) -> Found {
    fs::write(own.join("a"), vec![b'x'; 200_000])?;
    let copied = fs::copy(own.join("a"), own.join("b"))?;
    let same = fs::read(own.join("a"))? == fs::read(own.join("b"))?;
    Ok(format!("{copied} {same}"))
}

fn copy_over(own: &Path) -> Found {
    fs::write(own.join("a"), "short")?;
    fs::write(own.join("b"), "a longer text")?;
    let copied = fs::copy(own.join("a"), own.join("b"))?;
    Ok(format!("{copied} {}", held(own.join("b"))))
}

fn copy_missing(own: &Path) -> Found {
    join(&[kind(fs::copy(own.join("a"), own.join("b"))), names(own)?])
}

fn copy_a_folder(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    fs::write(own.join("f"), "f")?;
    join(&[
        kind(fs::copy(own.join("a"), own.join("b"))),
        kind(fs::copy(own.join("f"), own.join("a"))),
        names(own)?,
    ])
}

fn copy_onto_itself(own: &Path) -> Found {
    fs::write(own.join("a"), "text")?;
    join(&[
        kind(fs::copy(own.join("a"), own.join("a"))),
        held(own.join("a")),
    ])
}

fn rename(own: &Path) -> Found {
    fs::write(own.join("a"), "text")?;
    fs::rename(own.join("a"), own.join("b"))?;
    join(&[held(own.join("b")), names(own)?])
}

fn rename_over(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    fs::write(own.join("b"), "b")?;
    let mut old = File::open(own.join("b"))?;
    fs::rename(own.join("a"), own.join("b"))?;
    let mut text = String::new();
    old.read_to_string(&mut text)?;
    join(&[held(own.join("b")), text, names(own)?])
}

fn rename_into_a_folder(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    fs::create_dir(own.join("d"))?;
    fs::rename(own.join("a"), own.join("d/b"))?;
    fs::create_dir(own.join("e"))?;
    fs::rename(own.join("d"), own.join("e/d"))?;
    join(&[
        held(own.join("e/d/b")),
        names(own)?,
        kind(fs::rename(own.join("e"), own.join("e/d/e"))),
    ])
}

fn rename_over_a_folder(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    for folder in ["empty", "full", "moved"] {
        fs::create_dir(own.join(folder))?;
    }
    fs::write(own.join("full/b"), "b")?;
    join(&[
        kind(fs::rename(own.join("a"), own.join("empty"))),
        kind(fs::rename(own.join("moved"), own.join("a"))),
        kind(fs::rename(own.join("moved"), own.join("full"))),
        kind(fs::rename(own.join("full"), own.join("empty"))),
        names(own)?,
    ])
}

fn rename_to_itself(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    fs::hard_link(own.join("a"), own.join("b"))?;
    join(&[
        kind(fs::rename(own.join("a"), own.join("a"))),
        // POSIX: two names of one file are left as they are.
        kind(fs::rename(own.join("a"), own.join("b"))),
        names(own)?,
    ])
}

fn rename_missing(own: &Path) -> Found {
    fs::rename(own.join("a"), own.join("b")).map(|()| String::new())
}

fn rename_to_no_folder(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    join(&[
        kind(fs::rename(own.join("a"), own.join("none/a"))),
        names(own)?,
    ])
}

fn remove_file(own: &Path) -> Found {
    fs::write(own.join("a"), "a")?;
    fs::remove_file(own.join("a"))?;
    Ok(held(own.join("a")))
}

fn remove_missing(own: &Path) -> Found {
    join(&[
        kind(fs::remove_file(own.join("a"))),
        kind(fs::remove_dir(own.join("a"))),
        kind(fs::remove_dir_all(own.join("a"))),
    ])
}

fn remove_file_of_a_folder(own: &Path) -> Found {
    fs::create_dir(own.join("a"))?;
    fs::remove_file(own.join("a")).map(|()| String::new())
}

fn unlink_while_open(own: &Path) -> Found {
    let path = own.join("a");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    file.write_all(b"kept")?;
    fs::remove_file(&path)?;
    io::Seek::rewind(&mut file)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    join(&[text, file.metadata()?.len().to_string(), names(own)?])
}
