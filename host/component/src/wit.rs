//! The interfaces of a component, written as WIT.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tollgate_policy::Limits;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;

use crate::inspect::{Inspection, ItemKind};
use crate::panics::panic_text;
use crate::refusal::{Refusal, RefusalKind};
use crate::shape::scan;
use crate::source::Source;

/// The longest WIT text of a component, in bytes. A type is written in full wherever it is used without a name, so that a
/// few bytes may mean gigabytes. The largest real component has less than 100 KiB.
pub const MAX_WIT: usize = 16 << 20;

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
    /// As there.
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
    // The decoder may panic on other input too, and its panic must not end the host.
    let written = catch_unwind(AssertUnwindSafe(|| {
        let decoded = wit_component::decode(bytes)?;
        let mut printer = wit_component::WitPrinter::default();
        let (resolve, own) = (decoded.resolve(), decoded.package());
        let others = resolve.packages.iter().map(|(id, _)| id);
        let others: Vec<_> = others.filter(|id| *id != own).collect();
        let printed = printer.print(resolve, own, &others);
        printed.map(|()| printer.output.to_string())
    }));
    let written = written
        .map_err(|panic| refuse(panic_text(&*panic)))?
        .map_err(|error| refuse(&format!("{error:#}")))?;
    match written.len() > MAX_WIT {
        true => Err(refuse(&format!("they take more than {MAX_WIT} bytes"))),
        false => Ok(written),
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
    Refusal::new(RefusalKind::Malformed, crate::escape::line(&text))
}
