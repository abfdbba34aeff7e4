//! The world that a project is for: read from a folder of WIT, and copied with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tollgate::escape;
use tollgate::policy::nearest;
use wit_parser::{PackageId, Resolve, WorldId};

use crate::commands::new::folder::Files;
use crate::output::status::ExitReason;
use crate::output::text;

/// The most that a folder of WIT may hold, in bytes: all WIT of WASI is less than 1 MiB, so a larger one is another folder.
const MOST_WIT: usize = 16 << 20;

/// The longest message of the parser that is repeated: it quotes a line of the file, which may be of any length.
const LONGEST_MESSAGE: usize = 4096;

/// A world of the user's own.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
    /// With its package and version, such as `acme:report/plugin@1.0.0`.
    pub(crate) name: String,
    /// Its package.
    pub(crate) package: PackageId,
    /// The files of its folder, by their paths there.
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
}

impl World {
    /// Reads the world `name`, or the only one, from the package in `folder`.
    pub(crate) fn read(folder: &Path, name: Option<&str>) -> Result<World, ExitReason> {
        let shown = text::path(folder);
        let files = read_wit(folder).map_err(|error| usage(format!("{shown}: {error}")))?;
        let mut resolve = Resolve::default();
        let parsed = resolve.push_dir(folder);
        let (main, _) = parsed.map_err(|error| {
            usage(format!(
                "{shown}: the WIT does not parse: {}; correct it, with the packages that it uses in the folder `deps`",
                message(&resolve.render_error(&error))
            ))
        })?;
        let id = resolve
            .select_world(&[main], name)
            .map_err(|_| no_world(&resolve, main, &shown, name))?;
        let package = resolve.worlds[id].package.unwrap_or(main);
        let name = resolve.id_of_name(package, &resolve.worlds[id].name);
        Ok(World {
            resolve,
            id,
            name,
            package,
            files,
        })
    }

    /// The folder's files, as the folder `wit` of a project.
    pub(super) fn copy(&self, project: &mut Files) {
        for (path, bytes) in &self.files {
            project.add(Path::new("wit").join(path), bytes.clone());
        }
    }

    /// The same as packages that another one stands on.
    pub(super) fn copy_as_dependency(&self, project: &mut Files) {
        let package = &self.resolve.packages[self.package].name;
        let mut folder = format!("{}-{}", package.namespace, package.name);
        let deps = Path::new("wit/deps");
        // A world may be of a package in `deps`; the others are copied with it.
        let is_there = |name: &str| {
            let folder = Path::new("deps").join(name);
            self.files.iter().any(|(path, _)| path.starts_with(&folder))
        };
        while is_there(&folder) {
            folder.push_str("-main");
        }
        for (path, bytes) in &self.files {
            let path = match path.starts_with("deps") {
                true => Path::new("wit").join(path),
                false => deps.join(&folder).join(path),
            };
            project.add(path, bytes.clone());
        }
    }
}

fn usage(message: String) -> ExitReason {
    ExitReason::Usage(message)
}

/// The words of the parser, with the place, and without a character that a terminal obeys.
fn message(text: &str) -> String {
    let end = text.char_indices().nth(LONGEST_MESSAGE);
    let text = end.and_then(|(end, _)| text.get(..end)).unwrap_or(text);
    text::shown(text.trim_end().as_bytes())
}

/// The worlds that there are, in place of the one that is not.
fn no_world(resolve: &Resolve, main: PackageId, folder: &str, name: Option<&str>) -> ExitReason {
    let mut names = Vec::new();
    let mut bare = Vec::new();
    // Those of the package itself come first.
    let others = resolve.packages.iter().map(|(id, _)| id);
    for id in std::iter::once(main).chain(others.filter(|id| *id != main)) {
        for world in resolve.packages[id].worlds.keys() {
            names.push(resolve.id_of_name(id, world));
            if id == main {
                bare.push(world.as_str());
            }
        }
    }
    let full: Vec<&str> = names.iter().map(String::as_str).collect();
    let listed = match full.is_empty() {
        true => "it has no world".to_owned(),
        false => format!("it has {}", full.join(", ")),
    };
    usage(match name {
        None => {
            format!("{folder}: which world is meant is not clear: {listed}; name one with --world")
        }
        Some(name) => {
            let known = if name.contains(':') { &full } else { &bare };
            let fix = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name one of these".to_owned(),
            };
            let name = escape::line(name);
            format!("{folder}: there is no world `{name}`: {listed}; {fix}")
        }
    })
}

/// The files that the parser reads: WIT in the folder, packages in `deps`.
fn read_wit(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let mut files = Vec::new();
    let mut room = MOST_WIT;
    let failed = |path: &Path, error: &io::Error| match path == folder {
        true => format!("cannot be read: {error}; name a folder that holds *.wit files"),
        false => format!(
            "{}: cannot be read: {error}; put a file of WIT in its place, or remove it",
            text::path(path)
        ),
    };
    let deps = folder.join("deps");
    let mut folders = vec![folder.to_owned()];
    for entry in sorted(&deps).unwrap_or_default() {
        match entry.is_dir() {
            true => folders.push(entry),
            false => add(
                &entry,
                folder,
                &["wit", "wat", "wasm"],
                &mut room,
                &mut files,
            )
            .map_err(|error| failed(&entry, &error))?,
        }
    }
    for inside in folders {
        let entries = sorted(&inside).map_err(|error| failed(&inside, &error))?;
        for entry in entries.into_iter().filter(|entry| !entry.is_dir()) {
            add(&entry, folder, &["wit"], &mut room, &mut files)
                .map_err(|error| failed(&entry, &error))?;
        }
    }
    match files
        .iter()
        .any(|(path, _)| path.parent() == Some(Path::new("")))
    {
        true => Ok(files),
        false => Err("no *.wit file is in it; name the folder that holds the package".to_owned()),
    }
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn add(
    path: &Path,
    folder: &Path,
    endings: &[&str],
    room: &mut usize,
    files: &mut Vec<(PathBuf, Vec<u8>)>,
) -> io::Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let (Some(ending), Ok(inside)) = (ending, path.strip_prefix(folder)) else {
        return Ok(());
    };
    if !endings.contains(&ending) {
        return Ok(());
    }
    let found = fs::metadata(path)?;
    // Opening a pipe blocks until it has a writer.
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let size = found.len();
    let left = usize::try_from(size)
        .ok()
        .and_then(|size| room.checked_sub(size));
    *room = left.ok_or_else(|| io::Error::other("with it the folder holds more than 16 MiB"))?;
    files.push((inside.to_owned(), fs::read(path)?));
    Ok(())
}
