//! The interfaces of a world that are its host's own: functions that answer with empty values, in Rust.

use wit_parser::{
    Function, FunctionKind, InterfaceId, Resolve, TypeDefKind, TypeOwner, WorldItem, WorldKey,
};

use crate::commands::new::exports::short_name;
use crate::commands::new::host_charges;
use crate::commands::new::rust_types::{Names, Side, ident, module_of, type_ident};
use crate::commands::new::value::{Value, as_result};
use crate::commands::new::words::{snake, upper_camel};
use crate::commands::new::world::World;
use crate::output::status::ExitReason;

/// The host's side of a world.
#[derive(Default)]
pub(super) struct Interfaces {
    /// The names that a policy grants.
    pub(super) names: Vec<String>,
    /// Lines of the macro's `with`.
    pub(super) with: String,
    /// Implementations.
    pub(super) source: String,
    /// Calls of the builder.
    pub(super) offers: String,
}

/// The interfaces that the world imports and this library does not have.
pub(super) fn of(world: &World) -> Result<Interfaces, ExitReason> {
    let resolve = &world.resolve;
    let mut found = Interfaces::default();
    for (key, item) in &resolve.worlds[world.id].imports {
        let id = match (key, item) {
            (_, WorldItem::Type { .. }) => continue,
            (WorldKey::Interface(id), WorldItem::Interface { .. }) => *id,
            (key, _) => {
                return Err(ExitReason::Usage(format!(
                    "the world {} imports `{}` by itself: a policy grants interfaces, by the names of their packages; put it in \
                     an interface",
                    world.name,
                    resolve.name_world_key(key)
                )));
            }
        };
        let name = resolve.id_of(id).unwrap_or_default();
        let is_ours = ["tollgate:", "wasi:"].iter().any(|of| name.starts_with(of));
        for (version, module) in [("0.1.0", "v0_1"), ("0.2.0", "v0_2")] {
            let line = format!(
                "\n            \"tollgate:provider@{version}\": ::tollgate::bindings::{module}::provider,"
            );
            let is_of = name.starts_with("tollgate:provider/") && name.ends_with(version);
            if is_of && !found.with.contains(&line) {
                found.with.push_str(&line);
            }
        }
        if !is_ours && has_functions(resolve, id) {
            add(&mut found, world, id, name);
        }
    }
    Ok(found)
}

fn has_functions(resolve: &Resolve, id: InterfaceId) -> bool {
    let interface = &resolve.interfaces[id];
    let mut types = interface.types.values();
    !interface.functions.is_empty()
        || types.any(|id| matches!(resolve.types[*id].kind, TypeDefKind::Resource))
}

fn add(found: &mut Interfaces, world: &World, id: InterfaceId, name: String) {
    let resolve = &world.resolve;
    let interface = &resolve.interfaces[id];
    let names = Names {
        world,
        scope: TypeOwner::None,
        side: Side::Host,
    };
    let module = format!("world::{}", module_of(world, id));
    let prefix = upper_camel(&name.replace([':', '/', '@', '.', '+'], "-"));
    let of = |resource| {
        let functions = interface.functions.values();
        let functions = functions.filter(|function| function.kind.resource() == resource);
        let functions: Vec<_> = functions.map(|each| self::function(each, &names)).collect();
        functions.join("\n")
    };
    found.source.push_str(&format!(
        "\nimpl {module}::Host for CallContext {{\n{}}}\n",
        of(None)
    ));
    for (resource, id) in &interface.types {
        if !matches!(resolve.types[*id].kind, TypeDefKind::Resource) {
            continue;
        }
        let (ty, functions) = (names.path(*id), of(Some(*id)));
        let state = format!("{prefix}{}", type_ident(resource));
        found.with.push_str(&format!(
            "\n            \"{name}.{resource}\": super::{state},"
        ));
        found.source.push_str(&format!(
            "\n/// The state of a `{resource}`.\n#[derive(Default)]\npub struct {state};\n\nimpl {module}::Host{} for CallContext \
             {{\n{functions}{}    async fn drop(&mut self, it: Resource<{ty}>) -> wasmtime::Result<()> {{\n        \
             self.charge(0)?.take(it)?;\n        Ok(())\n    }}\n}}\n",
            type_ident(resource),
            if functions.is_empty() { "" } else { "\n" }
        ));
    }
    found.offers.push_str(&format!(
        "\n    let builder = builder.interface(\"{name}\", |linker| {{\n        \
         {module}::add_to_linker::<_, HasSelf<CallContext>>(linker, |call| call)\n    }})?;"
    ));
    found.names.push(name);
}

fn function(function: &Function, names: &Names<'_>) -> String {
    let resolve = &names.world.resolve;
    let mut params = vec!["&mut self".to_owned()];
    let mut charges = Vec::new();
    for param in &function.params {
        let name = ident(&param.name);
        let charge = host_charges::bytes(names, param.ty, &name);
        // The underscore says that it is not used yet.
        let name = match charge {
            Some(_) => name,
            None => format!("_{}", snake(&param.name)),
        };
        charges.extend(charge);
        params.push(format!("{name}: {}", names.of(param.ty)));
    }
    let bytes = match charges.is_empty() {
        true => "0".to_owned(),
        false => charges.join(" + "),
    };
    let unwritten = || {
        format!(
            "Err(GuestError(\"`{}` is not written yet\".to_owned()).into())",
            short_name(function)
        )
    };
    let fallible = function.result.and_then(|ty| as_result(resolve, ty));
    // A function without a body of its own charges, and needs no more of the call.
    let charge = format!("self.charge({bytes})?;\n        ");
    let charge = charge.as_str();
    let (charge, body) = match (&function.kind, function.result) {
        (FunctionKind::Constructor(_), _) => {
            let made = format!("self.charge({bytes})?.put(Default::default(), 0)?");
            let made = match fallible {
                Some(_) => format!("Ok(Ok({made}))"),
                None => format!("Ok({made})"),
            };
            ("", made)
        }
        (_, None) => (charge, "Ok(())".to_owned()),
        (_, Some(ty)) => match Value::empty(resolve, ty) {
            Some(value) => (charge, format!("Ok({})", names.value(&value))),
            None => (charge, unwritten()),
        },
    };
    let result = match function.result {
        Some(ty) => names.of(ty),
        None => "()".to_owned(),
    };
    format!(
        "    async fn {}({}) -> wasmtime::Result<{result}> {{\n        {charge}{body}\n    }}\n",
        ident(short_name(function)),
        params.join(", ")
    )
}
