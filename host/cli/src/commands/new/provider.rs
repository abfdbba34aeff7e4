//! `tollgate new provider`: a provider's project, which builds and runs where Tollgate's sources are not.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::commands::new::exports;
use crate::commands::new::folder::{self, Files};
use crate::commands::new::world::World;
use crate::commands::new::{c, javascript, name, python, rust};
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate new provider words --lang rust
  tollgate new provider report --lang python --wit wit --world acme:report/plugin";

/// The WIT of the world that a provider is for when no other is named.
pub(super) const WIT: [(&str, &str); 8] = [
    (
        "config.wit",
        include_str!("../../../wit/provider-0.2/config.wit"),
    ),
    (
        "files.wit",
        include_str!("../../../wit/provider-0.2/files.wit"),
    ),
    (
        "hash.wit",
        include_str!("../../../wit/provider-0.2/hash.wit"),
    ),
    (
        "http.wit",
        include_str!("../../../wit/provider-0.2/http.wit"),
    ),
    ("log.wit", include_str!("../../../wit/provider-0.2/log.wit")),
    (
        "store.wit",
        include_str!("../../../wit/provider-0.2/store.wit"),
    ),
    (
        "types.wit",
        include_str!("../../../wit/provider-0.2/types.wit"),
    ),
    (
        "world.wit",
        include_str!("../../../wit/provider-0.2/world.wit"),
    ),
];

/// Write a provider's project into the new folder NAME, with a README of the commands that build and run it
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// Words of lower-case letters and digits, with hyphens between them
    #[arg(value_name = "NAME")]
    name: String,
    /// The language of its source
    #[arg(long, value_name = "LANG")]
    lang: Language,
    /// A folder of WIT, which is copied with its `deps` [default: that of tollgate:provider 0.2.0]
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// The world, if the folder's package has several: WORLD or NAMESPACE:PACKAGE/WORLD
    #[arg(long, value_name = "WORLD", requires = "wit")]
    world: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Rust, for wasm32-wasip2
    Rust,
    /// JavaScript, with componentize-js
    Js,
    /// TypeScript, with componentize-js
    Ts,
    /// Python, with componentize-py
    Python,
    /// C, with clang and wasi-libc
    C,
    /// C++, with clang and wasi-libc
    Cpp,
}

pub(super) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    name::check(&opts.name)?;
    // Before the WIT is read; it is checked again when all is written.
    folder::check_free(Path::new(&opts.name))?;
    let world = match &opts.wit {
        Some(folder) => {
            let world = World::read(folder, opts.world.as_deref())?;
            exports::check(&world)?;
            Some(world)
        }
        None => None,
    };
    let (name, world) = (opts.name.as_str(), world.as_ref());
    let mut files = Files::default();
    let readme = match opts.lang {
        Language::Rust => {
            match world {
                Some(world) => world.copy(&mut files),
                None => add_wit(&mut files, "wit"),
            }
            rust::project(&mut files, name, world)
        }
        Language::C | Language::Cpp => {
            add_wit(&mut files, "wit");
            c::project(&mut files, name, world, opts.lang == Language::Cpp)?
        }
        Language::Python | Language::Js | Language::Ts => {
            // The compilers of these languages import all that a world names, so the project has a world of its own.
            match world {
                Some(world) => world.copy_as_dependency(&mut files),
                None => add_wit(&mut files, "wit/deps/tollgate-provider"),
            }
            match opts.lang {
                Language::Python => python::project(&mut files, name, world)?,
                lang => javascript::project(&mut files, name, world, lang == Language::Ts)?,
            }
        }
    };
    files.add("README.md", readme.text(name, world));
    if let Some(cases) = readme.cases(name, world) {
        files.add("cases.toml", cases);
    }
    files.write(name)?;
    ui.note(&format!(
        "{name} is a provider in {}; the README.md in it has these commands, which build and run it",
        readme.language
    ));
    if opts.lang != Language::Rust && world.is_some() {
        ui.note("its compiler imports all that a world names: wit/world.wit is the world without the imports, to be added one by one");
    }
    ui.result(readme.commands(name, world).join("\n") + "\n")?;
    Ok(RETURNED)
}

fn add_wit(files: &mut Files, folder: &str) {
    for (name, text) in WIT {
        files.add(Path::new(folder).join(name), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_the_package_are_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/provider-0.2");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, WIT.map(|(name, _)| name));
    }
}
