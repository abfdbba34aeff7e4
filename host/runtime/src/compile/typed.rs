//! Whether the imports of a component have the types of this host's interfaces. Linking checks this again after
//! compiling; here it is checked before, so that each command gives the same judgement.
//!
//! The engine compares types of a compiled component. So the imports alone, a component without code, are compiled and
//! linked to all interfaces of this host, under any grants of the policy.

use tollgate_component::{Mistyped, escape, served, split_version};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime_environ::wasmparser::{Parser, Payload};

use crate::call::context::CallContext;
use crate::engine::comparing;
use crate::error::MAX_CAUSE;
use crate::interface::link_all;
use crate::wire;

/// The first import of an interface of this host that has another type here. `None` if there is none, and if the imports
/// cannot be told apart from the rest of the component: linking then finds it.
pub(crate) fn mistyped(bytes: &[u8]) -> Option<Mistyped> {
    first_of(&imports_alone(bytes)?).unwrap_or_else(|error| {
        tracing::debug!(
            error = format!("{error:#}"),
            "types of imports are not compared"
        );
        None
    })
}

fn first_of(imports: &[u8]) -> wasmtime::Result<Option<Mistyped>> {
    let engine = comparing()?;
    let component = Component::from_binary(&engine, imports)?;
    let mut linker = Linker::new(&engine);
    link_all(&mut linker)?;
    let names = stand_in(&mut linker, &engine, &component)?;
    let Err(error) = linker.instantiate_pre(&component) else {
        return Ok(None);
    };
    // The engine names the import first, and then the mistake in it.
    let text = error.to_string();
    let of = |name: &String| text.starts_with(&format!("component imports instance `{name}`, "));
    Ok(names.into_iter().find(of).map(|import| {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let causes = causes.join(": ");
        let why = escape::line(wire::cut(&causes, MAX_CAUSE)).into_owned();
        Mistyped { import, why }
    }))
}

/// Gives a linker a stand-in for each import that is not of this host, and returns the names of this host's imports.
fn stand_in(
    linker: &mut Linker<CallContext>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<Vec<String>> {
    let mut own = Vec::new();
    // A resource that a later interface uses is the one of the first.
    let mut seen = Vec::new();
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        if served(split_version(name).0).is_some() {
            own.push(name.to_owned());
            for (_, item) in instance.exports(engine) {
                if let ComponentItem::Resource(resource) = item.ty {
                    seen.push(resource);
                }
            }
        } else {
            fill(linker.instance(name)?, engine, &instance, &mut seen)?;
        }
    }
    Ok(own)
}

fn fill(
    mut into: LinkerInstance<'_, CallContext>,
    engine: &Engine,
    instance: &ComponentInstance,
    seen: &mut Vec<ResourceType>,
) -> wasmtime::Result<()> {
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                into.func_new(name, |_, _, _, _| wasmtime::bail!("it stands in"))?;
            }
            ComponentItem::Resource(resource) if !seen.contains(&resource) => {
                seen.push(resource);
                into.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentInstance(instance) => {
                fill(into.instance(name)?, engine, &instance, seen)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A component of the imports of another one, and of the types that they are made of. `None` if it has no imports, or if
/// components within it may be a part of their types.
fn imports_alone(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut end, mut depth) = (bytes.get(..HEADER)?.to_vec(), None, 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        match payload {
            Payload::Version { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 1 => {}
            // Modules and their instances have no type that an import could have.
            Payload::ModuleSection { .. }
            | Payload::InstanceSection(_)
            | Payload::ComponentCanonicalSection(_)
            | Payload::CustomSection(_) => {}
            Payload::ComponentSection { .. }
            | Payload::ComponentInstanceSection(_)
            | Payload::ComponentStartSection { .. } => break,
            _ => {
                let (id, range) = payload.as_section()?;
                write_section(&mut kept, id, bytes.get(range)?);
                if matches!(payload, Payload::ComponentImportSection(_)) {
                    end = Some(kept.len());
                }
            }
        }
    }
    kept.truncate(end?);
    Some(kept)
}

/// Bytes before the first section.
const HEADER: usize = 8;

/// A section: its id, its length in LEB128, and its contents.
fn write_section(to: &mut Vec<u8>, id: u8, contents: &[u8]) {
    to.push(id);
    let mut length = contents.len();
    while length > 0x7f {
        to.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend_from_slice(contents);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn found_in(text: &str) -> Option<Mistyped> {
        mistyped(&wat::parse_str(text).unwrap())
    }

    const STREAMS: &str = r#"
        (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
        (alias export $error "error" (type $e))
        (import "acme:own/uses@1.0.0" (instance
            (export "mine" (type (sub resource)))
            (export "error" (type $e2 (eq $e)))
            (export "f" (func (param "e" (borrow $e2))))))
        (core module $m)
        (core instance (instantiate $m))"#;

    /// Types with a resource of another interface, and types behind code, too. An interface that is not this host's
    /// hides nothing.
    #[test]
    fn a_type_that_is_not_this_hosts_is_found() {
        let found = |result: &str| {
            found_in(&format!(
                r#"(component {STREAMS}
                    (import "wasi:io/streams@0.2.3" (instance
                        (export "output-stream" (type $out (sub resource)))
                        (export "error" (type $e2 (eq $e)))
                        (type $stream-error (variant (case "last-operation-failed" (own $e2)) (case "closed")))
                        (export "stream-error" (type $named (eq $stream-error)))
                        (export "[method]output-stream.check-write"
                            (func (param "self" (borrow $out)) (result (result {result} (error $named))))))))"#
            ))
        };
        assert_eq!(found("u64"), None);
        let told = found("u32").unwrap();
        assert_eq!(told.import, "wasi:io/streams@0.2.3");
        assert!(told.why.contains("check-write"), "{}", told.why);
    }

    #[test]
    fn a_function_that_this_host_does_not_have_is_found() {
        let told = found_in(
            r#"(component (import "tollgate:provider/log@0.1.0" (instance (export "shout" (func)))))"#,
        );
        let told = told.unwrap();
        assert_eq!(told.import, "tollgate:provider/log@0.1.0");
        assert!(told.why.contains("shout"), "{}", told.why);
        assert_eq!(found_in("(component)"), None);
        assert_eq!(found_in(r#"(component (import "f" (func)))"#), None);
    }
}
