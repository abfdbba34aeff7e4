//! A provider in Rust: a library that plain `cargo build` makes a component of.

use wit_parser::{Function, FunctionKind, TypeOwner};

use crate::commands::new::exports::{self, Exported, Resource, short_name};
use crate::commands::new::folder::Files;
use crate::commands::new::policy::{self, Needs};
use crate::commands::new::readme::Readme;
use crate::commands::new::rust_types::{Names, Side, ident, module_of, root_modules, type_ident};
use crate::commands::new::value::{Value, as_result};
use crate::commands::new::words::snake;
use crate::commands::new::world::World;

/// The version of wit-bindgen, of the macro and of the program. A test holds it to that of our own guests.
pub(super) const WIT_BINDGEN: &str = "0.61.1";

/// Adds the files of a project, and tells its commands.
pub(super) fn project(files: &mut Files, name: &str, world: Option<&World>) -> Readme {
    let manifest = include_str!("templates/rust/Cargo.toml.in");
    let manifest = manifest.replace("{{name}}", name);
    files.add(
        "Cargo.toml",
        manifest.replace("{{wit_bindgen}}", WIT_BINDGEN),
    );
    files.add(".gitignore", "/target\n");
    let needs = Needs {
        interpreter: false,
        wasi: Some("The standard library of wasm32-wasip2 imports WASI."),
    };
    files.add("tollgate.toml", policy::text(&needs, world.is_none()));
    files.add(
        "src/lib.rs",
        match world {
            None => include_str!("templates/rust/lib.rs.in").to_owned(),
            Some(world) => stubs(world),
        },
    );
    Readme {
        language: "Rust",
        install: vec!["rustup target add wasm32-wasip2".to_owned()],
        build: vec!["cargo build --release --target wasm32-wasip2".to_owned()],
        component: format!("target/wasm32-wasip2/release/{}.wasm", snake(name)),
        notes: include_str!("templates/rust/notes.md").replace("{{component}}", &snake(name)),
    }
}

/// The source of a provider of any world: each function answers with an empty value.
pub(super) fn stubs(world: &World) -> String {
    source(world, None)
}

/// The same with functions that attack, by the function `attack` of this source.
pub(super) fn attacks(world: &World, attack: &str) -> String {
    source(world, Some("crate::attack()")) + "\n" + attack
}

/// `body` is the one of each function, in place of an empty value.
fn source(world: &World, body: Option<&'static str>) -> String {
    let mut text = include_str!("templates/rust/stubs.rs.in").replace("{{world}}", &world.name);
    let mut taken = root_modules(world);
    for exported in exports::of(world) {
        text.push('\n');
        match exported.interface {
            None => {
                let names = Names {
                    world,
                    scope: TypeOwner::World(world.id),
                    side: Side::Guest { body },
                };
                text.push_str(&implementation("Guest", "Component", &exported, &names, ""));
            }
            Some(interface) => {
                let mut module = ident(interface.name);
                while !taken.insert(module.clone()) {
                    module.push_str("_functions");
                }
                let names = Names {
                    world,
                    scope: TypeOwner::Interface(interface.id),
                    side: Side::Guest { body },
                };
                let path = module_of(world, interface.id);
                text.push_str(&format!("mod {module} {{\n    use crate::{path}::*;\n\n"));
                let guest = implementation("Guest", "crate::Component", &exported, &names, "    ");
                text.push_str(&guest);
                for resource in &exported.resources {
                    text.push_str(&of_resource(resource, &names));
                }
                text.push_str("}\n");
            }
        }
    }
    text
}

fn implementation(
    of: &str,
    on: &str,
    exported: &Exported<'_>,
    names: &Names<'_>,
    indent: &str,
) -> String {
    let mut text = format!("{indent}impl {of} for {on} {{\n");
    for resource in &exported.resources {
        let name = type_ident(resource.name);
        let state = names.state(&name);
        text.push_str(&format!("{indent}    type {name} = {state};\n"));
    }
    if !exported.resources.is_empty() && !exported.functions.is_empty() {
        text.push('\n');
    }
    text.push_str(&functions(&exported.functions, names, indent));
    text.push_str(&format!("{indent}}}\n"));
    text
}

fn of_resource(resource: &Resource<'_>, names: &Names<'_>) -> String {
    let name = type_ident(resource.name);
    let state = names.state(&name);
    let functions = functions(&resource.functions, names, "    ");
    format!(
        "\n    /// The state of a `{}`.\n    pub struct {state};\n\n    impl Guest{name} for {state} {{\n{functions}    }}\n",
        resource.name
    )
}

fn functions(functions: &[&Function], names: &Names<'_>, indent: &str) -> String {
    let functions = functions.iter().map(|each| function(each, names, indent));
    functions.collect::<Vec<_>>().join("\n")
}

fn function(function: &Function, names: &Names<'_>, indent: &str) -> String {
    let resolve = &names.world.resolve;
    let is_method = matches!(function.kind, FunctionKind::Method(_));
    let mut params = Vec::new();
    if is_method {
        params.push("&self".to_owned());
    }
    for param in function.params.iter().skip(usize::from(is_method)) {
        // The underscore says that it is not used yet.
        params.push(format!("_{}: {}", snake(&param.name), names.of(param.ty)));
    }
    let name = ident(short_name(function));
    let (result, body) = match (&function.kind, function.result) {
        (FunctionKind::Constructor(of), result) => {
            let own = type_ident(resolve.types[*of].name.as_deref().unwrap_or_default());
            let state = names.state(&own);
            match result.and_then(|ty| as_result(resolve, ty)) {
                Some(found) => {
                    let result = names.result("Self", found.err.as_ref());
                    (format!(" -> {result}"), format!("Ok({state})"))
                }
                None => (" -> Self".to_owned(), state),
            }
        }
        (_, None) => (String::new(), String::new()),
        (_, Some(ty)) => {
            let body = match Value::empty(resolve, ty) {
                Some(value) => names.value(&value),
                // A handle, for one, has no empty value. The panic names the function until its author has written it.
                None => format!("panic!(\"`{}` is not written yet\")", short_name(function)),
            };
            (format!(" -> {}", names.of(ty)), body)
        }
    };
    let body = match names.side {
        Side::Guest { body: Some(body) } => body.to_owned(),
        _ => body,
    };
    let params = params.join(", ");
    match body.is_empty() {
        true => format!("{indent}    fn {name}({params}){result} {{}}\n"),
        false => format!(
            "{indent}    fn {name}({params}){result} {{\n{indent}        {body}\n{indent}    }}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_is_that_of_our_own_guests() {
        let guests = include_str!("../../../../../guests/Cargo.lock");
        let locked = format!("name = \"wit-bindgen\"\nversion = \"{WIT_BINDGEN}\"");
        assert!(guests.contains(&locked));
    }
}
