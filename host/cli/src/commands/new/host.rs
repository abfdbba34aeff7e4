//! `tollgate new host`: the project of a program that loads components of a world of its own.

use std::fs;
use std::path::{Path, PathBuf};

use tollgate::escape;
use wit_parser::{Resolve, TypeDefKind};

use crate::commands::new::folder::{self, Files};
use crate::commands::new::rust::{self, WIT_BINDGEN};
use crate::commands::new::rust_types::ident;
use crate::commands::new::words::{snake, upper_camel};
use crate::commands::new::world::World;
use crate::commands::new::{exports, host_interfaces, name, provider, readme};
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Examples:
  tollgate new host report --world acme:report/plugin --tollgate-path ~/src/tollgate
  tollgate new host report --wit wit --world acme:report/plugin";

/// Names that a package of the project, or a crate that it depends on, has.
const TAKEN: [&str; 8] = [
    "good",
    "grow",
    "hostile",
    "serde",
    "spin",
    "tollgate",
    "tollgate-testing",
    "wasmtime",
];

/// Namespaces whose interfaces are this host's, and those by which modules of the sources have other names.
const NAMESPACES: [&str; 9] = [
    "alloc",
    "core",
    "exports",
    "log",
    "series",
    "std",
    "tollgate",
    "wasi",
    "wit-bindgen",
];

/// Write the project of a program that calls components of its own world: host, policy, guests, tests
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// Words of lower-case letters and digits, with hyphens between them
    #[arg(value_name = "NAME")]
    name: String,
    /// The world: NAMESPACE:PACKAGE/WORLD, or WORLD of the folder of --wit [default: acme:NAME/plugin]
    #[arg(long, value_name = "WORLD")]
    world: Option<String>,
    /// A folder of WIT that has the world, which is copied with its `deps` [default: an example is written]
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// A checkout of Tollgate, whose crates the project is built with [default: those of the registry]
    #[arg(long, value_name = "DIR")]
    tollgate_path: Option<PathBuf>,
}

pub(super) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    name::check(&opts.name)?;
    if TAKEN.contains(&opts.name.as_str()) {
        return Err(ExitReason::Usage(format!(
            "`{}` cannot be the name of a project: a package of the project, or a crate that it is built with, has it; choose \
             another one, such as `my-host`",
            opts.name
        )));
    }
    folder::check_free(Path::new(&opts.name))?;
    let checkout = opts.tollgate_path.as_deref().map(checkout).transpose()?;
    let mut files = Files::default();
    let mut values = vec![
        ("name", opts.name.clone()),
        ("crate", snake(&opts.name)),
        ("tollgate", env!("CARGO_PKG_VERSION").to_owned()),
        ("wit_bindgen", WIT_BINDGEN.to_owned()),
        ("patch", patch(checkout.as_deref())?),
        (
            "tollgate_note",
            note_on_tollgate(checkout.is_some()).to_owned(),
        ),
    ];
    let project = match &opts.wit {
        Some(folder) => {
            let world = World::read(folder, opts.world.as_deref())?;
            exports::check(&world)?;
            let mut packages = world.resolve.packages.iter();
            if let Some((_, package)) = packages.find(|(_, package)| is_keyword(&package.name.name))
            {
                return Err(ExitReason::Usage(format!(
                    "{}: the package {} has a word of Rust as its name, and `bindgen!` writes no module of this name; rename it",
                    text::path(folder),
                    package.name
                )));
            }
            of_world(&mut files, &world, &mut values)?
        }
        None => example(&mut files, opts, &mut values)?,
    };
    values.push(("run", project.run.clone()));
    for (path, template) in SHARED.iter().chain(project.templates) {
        files.add(*path, filled(template, &values));
    }
    for guest in project.guests {
        let manifest = filled(project.guest_manifest, &values).replace("{{guest}}", guest);
        files.add(format!("guests/{guest}/Cargo.toml"), manifest);
    }
    // The versions that the checkout was tested with. Cargo leaves out what is not used.
    let locked = checkout.map(|folder| fs::read(folder.join("Cargo.lock")));
    if let Some(Ok(lock)) = locked {
        files.add("Cargo.lock", lock);
    } else if opts.tollgate_path.is_none() {
        ui.note(
            "the crates of Tollgate are in no registry yet: name a checkout with --tollgate-path DIR, or in [patch.crates-io] of the \
             project's Cargo.toml",
        );
    }
    files.write(&opts.name)?;
    ui.note(&format!(
        "{} is a host of {}; the README.md in it has these commands, which test and run it",
        opts.name, project.world
    ));
    ui.result(format!("cd {}\njust test\n{}\n", opts.name, project.run))?;
    Ok(RETURNED)
}

/// Whether a package cannot be a module of Rust: `bindgen!` uses its name as it is.
fn is_keyword(package: &str) -> bool {
    ident(package) != snake(package)
}

/// A dependency, which is the engine that the library has.
const WASMTIME: &str = "
# `bindgen!` names this crate where the WIT has flags, whatever `wasmtime_crate` is.
wasmtime = { version = \"48\", default-features = false }";

/// The files of every project.
const SHARED: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        include_str!("templates/host/workspace.toml.in"),
    ),
    (
        "host/Cargo.toml",
        include_str!("templates/host/host.toml.in"),
    ),
    (
        "guests/Cargo.toml",
        include_str!("templates/host/guests.toml.in"),
    ),
    (
        "tests/attack.rs",
        include_str!("templates/host/attack.rs.in"),
    ),
    (".gitignore", "target/\n"),
];

const EXAMPLE: &[(&str, &str)] = &[
    ("host/src/lib.rs", include_str!("templates/host/lib.rs.in")),
    (
        "host/src/main.rs",
        include_str!("templates/host/main.rs.in"),
    ),
    (
        "tests/guests.rs",
        include_str!("templates/host/tests.rs.in"),
    ),
    (
        "guests/good/src/lib.rs",
        include_str!("templates/host/good.rs.in"),
    ),
    (
        "guests/hostile/src/lib.rs",
        include_str!("templates/host/hostile.rs.in"),
    ),
    ("policy.toml", include_str!("templates/host/policy.toml.in")),
    ("Justfile", include_str!("templates/host/Justfile.in")),
    ("README.md", include_str!("templates/host/readme.in")),
];

const OF_WORLD: &[(&str, &str)] = &[
    (
        "host/src/lib.rs",
        include_str!("templates/host/world/lib.rs.in"),
    ),
    (
        "host/src/main.rs",
        include_str!("templates/host/world/main.rs.in"),
    ),
    (
        "tests/guests.rs",
        include_str!("templates/host/world/tests.rs.in"),
    ),
    (
        "policy.toml",
        include_str!("templates/host/world/policy.toml.in"),
    ),
    ("Justfile", include_str!("templates/host/world/Justfile.in")),
    ("README.md", include_str!("templates/host/world/readme.in")),
];

/// The part of a project that depends on its world.
struct Project {
    world: String,
    templates: &'static [(&'static str, &'static str)],
    guests: &'static [&'static str],
    guest_manifest: &'static str,
    /// The command that calls a guest.
    run: String,
}

type Values = Vec<(&'static str, String)>;

fn filled(template: &str, values: &Values) -> String {
    let mut text = template.to_owned();
    for (key, value) in values {
        text = text.replace(&format!("{{{{{key}}}}}"), value);
    }
    text
}

/// A project around an example: an interface with a resource, and a guest that uses it.
fn example(files: &mut Files, opts: &Opts, values: &mut Values) -> Result<Project, ExitReason> {
    let default = format!("acme:{}/plugin", opts.name);
    let world = opts.world.as_deref().unwrap_or(&default);
    let parts = world.split_once(':').and_then(|(namespace, rest)| {
        let (package, local) = rest.split_once('/')?;
        Some((namespace, package, local))
    });
    let refused = |why: &str| {
        let shown = escape::line(world);
        ExitReason::Usage(format!(
            "`{shown}` cannot be the world of an example: {why}; choose another one, such as `acme:report/plugin`, or name the \
             folder of its WIT with --wit"
        ))
    };
    let (namespace, package, local) =
        parts.ok_or_else(|| refused("it is not NAMESPACE:PACKAGE/WORLD"))?;
    if NAMESPACES.contains(&namespace) {
        return Err(refused("its namespace is taken"));
    }
    if is_keyword(package) {
        return Err(refused("its package is a word of Rust"));
    }
    values.extend([
        ("wasmtime", String::new()),
        ("world", world.to_owned()),
        ("package", format!("{namespace}:{package}")),
        ("path", format!("{}::{}", ident(namespace), snake(package))),
        ("Plugin", upper_camel(local)),
        ("local", local.to_owned()),
    ]);
    let provider = provider_wit();
    let wit = filled(include_str!("templates/host/world.wit.in"), values);
    // The parser of WIT is what knows its words.
    let mut resolve = Resolve::default();
    let parsed = resolve
        .push_source("provider.wit", &provider)
        .and_then(|_| resolve.push_source("world.wit", &wit));
    parsed.map_err(|_| {
        refused("a part of it is a word of WIT, or not of lower-case words with hyphens between")
    })?;
    files.add("wit/world.wit", wit);
    files.add("wit/deps/tollgate-provider/provider.wit", provider);
    Ok(Project {
        world: world.to_owned(),
        templates: EXAMPLE,
        guests: &["good", "hostile"],
        guest_manifest: include_str!("templates/host/guest.toml.in"),
        run: "just run good sales".to_owned(),
    })
}

/// The package `tollgate:provider` in one file, which `include_str!` reads whole.
fn provider_wit() -> String {
    let mut text = String::new();
    for (_, part) in provider::WIT {
        // One file names its package once.
        match part.split_once(";\n") {
            Some((_, rest)) if !text.is_empty() => text.push_str(rest),
            _ => text.push_str(part),
        }
    }
    text
}

/// A project around a world of the user's own: functions of its interfaces, and guests, that answer with empty values.
fn of_world(files: &mut Files, world: &World, values: &mut Values) -> Result<Project, ExitReason> {
    let interfaces = host_interfaces::of(world)?;
    world.copy(files);
    let stubs = rust::stubs(world).replace("path: \"wit\"", "path: \"../../wit\"");
    files.add("guests/good/src/lib.rs", stubs);
    for (guest, attack) in [
        ("spin", include_str!("templates/host/world/spin.rs.in")),
        ("grow", include_str!("templates/host/world/grow.rs.in")),
    ] {
        files.add(
            format!("guests/{guest}/src/lib.rs"),
            rust::attacks(world, attack).replace("path: \"wit\"", "path: \"../../wit\""),
        );
    }
    let call = readme::first_call(world).map(|call| call.expression);
    let call = call.ok_or_else(|| {
        ExitReason::Usage(format!(
            "the world {}: each of its functions takes or gives a resource, so the tests could call none; export one with plain \
             values, or leave --wit out and start from the example",
            world.name
        ))
    })?;
    let grants: String = interfaces
        .names
        .iter()
        .map(|name| format!("\"{name}\" = {{}}\n"))
        .collect();
    let mut uses = String::new();
    for (name, line) in [
        ("HasSelf", "use tollgate::wasmtime::component::HasSelf;\n"),
        (
            "Resource<",
            "use tollgate::wasmtime::component::Resource;\n",
        ),
        ("GuestError", "use tollgate::load::GuestError;\n"),
        ("CallContext", "use tollgate::{CallContext, wasmtime};\n"),
    ] {
        if interfaces.source.contains(name) || interfaces.offers.contains(name) {
            uses.push_str(line);
        }
    }
    let mut types = world.resolve.types.iter();
    let has_flags = types.any(|(_, ty)| matches!(ty.kind, TypeDefKind::Flags(_)));
    values.extend([
        ("wasmtime", if has_flags { WASMTIME } else { "" }.to_owned()),
        ("uses", uses),
        ("Plugin", upper_camel(&world.resolve.worlds[world.id].name)),
        ("world", world.name.clone()),
        ("with", interfaces.with),
        ("interfaces", interfaces.source),
        ("offers", interfaces.offers),
        ("grants", grants),
        ("call", call.clone()),
    ]);
    Ok(Project {
        world: world.name.clone(),
        templates: OF_WORLD,
        guests: &["good", "grow", "spin"],
        guest_manifest: include_str!("templates/host/world/guest.toml.in"),
        run: format!("just run good '{}'", call.replace('\'', "'\\''")),
    })
}

/// The paragraph on where the crate `tollgate` comes from.
fn note_on_tollgate(has_checkout: bool) -> &'static str {
    match has_checkout {
        true => {
            "The crates `tollgate` and `tollgate-testing` are those of the checkout which `[patch.crates-io]` in `Cargo.toml` names; without \
             these lines they are those of the registry."
        }
        false => {
            "The crates `tollgate` and `tollgate-testing` are in no registry yet: name a checkout in `[patch.crates-io]` of `Cargo.toml`, \
             where the lines are prepared."
        }
    }
}

/// The folder of a checkout, from the root.
fn checkout(folder: &Path) -> Result<PathBuf, ExitReason> {
    let manifest = fs::read_to_string(folder.join("host/runtime/Cargo.toml"));
    let is_ours = manifest.is_ok_and(|text| text.contains("name = \"tollgate\""));
    match folder.canonicalize() {
        Ok(folder) if is_ours => Ok(folder),
        _ => Err(ExitReason::Usage(format!(
            "{}: it is no checkout of Tollgate: it has no host/runtime/Cargo.toml of the crate `tollgate`; name the folder that \
             git made",
            text::path(folder)
        ))),
    }
}

/// The lines of the manifest that say where the crates of Tollgate are.
fn patch(checkout: Option<&Path>) -> Result<String, ExitReason> {
    let Some(folder) = checkout else {
        return Ok("\
# The crates of Tollgate are in no registry yet: name a checkout of it.
# [patch.crates-io]
# tollgate = { path = \"/path/to/tollgate/host/runtime\" }
# tollgate-testing = { path = \"/path/to/tollgate/host/testing\" }"
            .to_owned());
    };
    let mut lines =
        "# A checkout, in place of the crates of the registry.\n[patch.crates-io]".to_owned();
    for (name, inside) in [
        ("tollgate", "host/runtime"),
        ("tollgate-testing", "host/testing"),
    ] {
        let path = folder.join(inside);
        let path = path.to_str().ok_or_else(|| {
            ExitReason::Usage(format!(
                "{}: a manifest of Cargo cannot name it: it is not UTF-8; move the checkout",
                text::path(folder)
            ))
        })?;
        // A string of JSON is one of TOML.
        let path = serde_json::Value::from(path);
        lines.push_str(&format!("\n{name} = {{ path = {path} }}"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_that_of_the_library() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let (_, after) = manifest.split_once("\nwasmtime = { version = \"").unwrap();
        let (major, _) = after.split_once('.').unwrap();
        assert!(WASMTIME.contains(&format!("version = \"{major}\"")));
    }
}
