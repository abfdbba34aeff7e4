//! A provider in C or C++: clang and wasi-libc make a module of it, and a linker that comes with Rust a component.

use crate::commands::new::folder::Files;
use crate::commands::new::policy::{self, Needs};
use crate::commands::new::readme::Readme;
use crate::commands::new::rust::WIT_BINDGEN;
use crate::commands::new::world::World;
use crate::output::status::ExitReason;

/// Debian's packages that build a component of C, and the one that C++ needs beside them.
const PACKAGES: &str = "clang lld wasi-libc libclang-rt-dev-wasm32";
const PACKAGES_OF_CPP: &str = "libc++-dev-wasm32";

/// Adds the files of a project, and tells its commands.
pub(super) fn project(
    files: &mut Files,
    name: &str,
    world: Option<&World>,
    plus_plus: bool,
) -> Result<Readme, ExitReason> {
    let language = if plus_plus { "C++" } else { "C" };
    // The generator for C writes no stubs, and the names of its types are its own affair.
    if let Some(world) = world {
        return Err(ExitReason::Usage(format!(
            "the world {}: stubs in {language} are made for tollgate:provider alone; leave --wit out, copy the WIT into the \
             project, and write the functions that `wit-bindgen c` declares in its header; or use --lang rust",
            world.name
        )));
    }
    let (source, text, compiler, packages) = match plus_plus {
        false => (
            "provider.c",
            include_str!("templates/c/provider.c"),
            "clang $options",
            PACKAGES.to_owned(),
        ),
        true => (
            "provider.cpp",
            include_str!("templates/c/provider.cpp"),
            "clang++ $options -fno-exceptions",
            format!("{PACKAGES} {PACKAGES_OF_CPP}"),
        ),
    };
    let component = format!("{name}.wasm");
    files.add(source, text);
    let build = include_str!("templates/c/build.sh")
        .replace("{{component}}", &component)
        .replace("{{compiler}}", compiler)
        .replace("{{source}}", source);
    files.add("build.sh", build);
    let needs = Needs {
        interpreter: false,
        // The library of C++ imports it for its streams, which the provider does without.
        wasi: (!plus_plus).then_some("The library of C imports WASI for its standard streams."),
    };
    files.add("tollgate.toml", policy::text(&needs, true));
    files.add(".gitignore", ".tools/\nbuild/\ngenerated/\n*.wasm\n");
    Ok(Readme {
        language,
        install: vec![
            format!("apt-get update -qq && apt-get install -qq --yes {packages} >/dev/null"),
            format!(
                "cargo install --quiet --locked --debug --root .tools wit-bindgen-cli@{WIT_BINDGEN} --no-default-features --features c"
            ),
        ],
        build: vec!["sh build.sh".to_owned()],
        component,
        notes: include_str!("templates/c/notes.md").replace("{{source}}", source),
    })
}
