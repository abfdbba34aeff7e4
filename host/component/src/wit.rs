//! The interfaces of a component, written as WIT.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tollgate_policy::Limits;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use crate::docs::{Docs, without_docs};
use crate::escape;
use crate::inspect::{Inspection, ItemKind, MAX_WIT};
use crate::panics::panic_text;
use crate::refusal::{Refusal, RefusalKind, malformed};
use crate::shape::scan;
use crate::source::Source;

impl Source {
    /// The interfaces of the component as WIT text. Like [`Source::inspect`] it works in this process, without a limit of
    /// time or memory; `tollgate::Runtime::wit` does not.
    ///
    /// # Errors
    ///
    /// It is not a valid component, or it imports or exports an item that WIT cannot express.
    pub fn wit(&self) -> Result<String, Refusal> {
        self.wit_within(&Limits::default())
    }

    /// The same under the `complexity` of these limits.
    ///
    /// # Errors
    ///
    /// The same as those of [`wit`](Source::wit).
    pub fn wit_within(&self, limits: &Limits) -> Result<String, Refusal> {
        wit(self.as_bytes(), &self.inspect_within(limits)?)
    }
}

fn wit(bytes: &[u8], inspection: &Inspection) -> Result<String, Refusal> {
    let types = scan(bytes, inspection.complexity.max(1), |_| Ok(()))?.types;
    let types = types.as_ref();
    for import in &inspection.imports {
        let item = types.component_item_for_import(&import.name);
        expressible(types, &import.name, import.kind, item.map(|item| item.ty))?;
    }
    for export in &inspection.exports {
        let item = types.component_item_for_export(&export.name);
        expressible(types, &export.name, export.kind, item.map(|item| item.ty))?;
    }
    // Their decoder refuses documentation that does not fit, and that of a component seldom does.
    let bytes = without_docs(bytes).map_err(malformed)?;
    let written = written(|| {
        let mut decoded = wit_component::decode(&bytes)?;
        document(&mut decoded, &inspection.docs);
        let mut printer = wit_component::WitPrinter::default();
        let (resolve, own) = (decoded.resolve(), decoded.package());
        let others = resolve.packages.iter().map(|(id, _)| id);
        let others: Vec<_> = others.filter(|id| *id != own).collect();
        let printed = printer.print(resolve, own, &others);
        printed.map(|()| printer.output.to_string())
    })?;
    match written.len() > MAX_WIT {
        true => Err(refuse(&format!("they take more than {MAX_WIT} bytes"))),
        false => Ok(written),
    }
}

/// Sets the comments of the exported functions.
fn document(decoded: &mut DecodedWasm, docs: &Docs) {
    let DecodedWasm::Component(resolve, world) = decoded else {
        return;
    };
    let Some(world) = resolve.worlds.get_mut(*world) else {
        return;
    };
    world.docs.contents = docs.world().map(escape::lines);
    let mut interfaces = Vec::new();
    for (key, item) in &mut world.exports {
        match item {
            WorldItem::Function(function) => {
                function.docs.contents = docs.named(&function.name).map(escape::lines);
            }
            WorldItem::Interface { id, .. } => interfaces.push((key.clone(), *id)),
            WorldItem::Type { .. } => {}
        }
    }
    for (key, id) in interfaces {
        let export = resolve.name_world_key(&key);
        let Some(interface) = resolve.interfaces.get_mut(id) else {
            continue;
        };
        for (name, function) in &mut interface.functions {
            let text = docs.named(&format!("{export}.{name}"));
            function.docs.contents = text.map(escape::lines);
        }
    }
}

/// The text that `write` makes. A panic of the library in it becomes a refusal; its message goes to the log alone.
fn written<E: std::fmt::Display>(
    write: impl FnOnce() -> Result<String, E>,
) -> Result<String, Refusal> {
    match catch_unwind(AssertUnwindSafe(write)) {
        Ok(written) => written.map_err(|error| refuse(&format!("{error:#}"))),
        Err(panic) => {
            tracing::error!(
                panic = panic_text(&*panic),
                "the library that writes WIT panicked"
            );
            Err(refuse("the library that writes WIT failed"))
        }
    }
}

/// Checks that WIT can express the item. The decoder relies on it: it panics when a name with a `/` is not an
/// interface's and when a type is of a function, and leaves out modules.
fn expressible(
    types: TypesRef<'_>,
    name: &str,
    kind: ItemKind,
    ty: Option<ComponentEntityType>,
) -> Result<(), Refusal> {
    if name.contains('/') && kind != ItemKind::Instance {
        return Err(refuse(&format!("`{name}` is a {}", kind.label())));
    }
    match ty {
        Some(ComponentEntityType::Instance(id)) => {
            let exports = types.get(id).map(|instance| instance.exports.iter());
            let mut exports = exports.into_iter().flatten();
            exports.try_for_each(|(name, item)| in_interface(name, item.ty))
        }
        Some(ty) => in_interface(name, ty),
        None => Ok(()),
    }
}

fn in_interface(name: &str, ty: ComponentEntityType) -> Result<(), Refusal> {
    let what = match ty {
        ComponentEntityType::Func(_)
        | ComponentEntityType::Type {
            referenced: ComponentAnyTypeId::Defined(_) | ComponentAnyTypeId::Resource(_),
            ..
        } => return Ok(()),
        ComponentEntityType::Type { .. } => "the type of a function, an instance or a component",
        ComponentEntityType::Instance(_) => "an interface in an interface",
        ComponentEntityType::Module(_) => "a core module",
        ComponentEntityType::Component(_) => "a component",
        ComponentEntityType::Value(_) => "a value",
    };
    Err(refuse(&format!("`{name}` is {what}")))
}

fn refuse(why: &str) -> Refusal {
    let text = format!("its interfaces cannot be written as WIT: {why}");
    Refusal::new(RefusalKind::Malformed, escape::line(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_library_is_not_told() {
        let failed =
            written(|| -> Result<String, String> { panic!("assertion failed: name.len() > 0") });
        let told = failed.unwrap_err().message;
        let fixed = "its interfaces cannot be written as WIT: the library that writes WIT failed";
        assert_eq!(told, fixed);
        let failed = written(|| Err::<String, _>("no such name"));
        assert!(failed.unwrap_err().message.ends_with(": no such name"));
    }
}
