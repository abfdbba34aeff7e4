//! The size of a component once it is instantiated. The compiler inlines a component as often as it is instantiated, so
//! a chain of components grows with a power of its length.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Payload,
};

use super::{Location, OpenScope, Result, Shape};
use crate::refusal::malformed;
use crate::refusal::{Refusal, RefusalKind};

/// The items that one instantiation adds.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    instances: u64,
    items: u64,
    canonical: u64,
}

/// A component, as far as it is read.
#[derive(Default)]
pub(super) struct Expansion {
    own: Size,
    inside: Size,
    /// Its components by index; `None` for one that an import or an instance brings.
    components: Vec<Option<Size>>,
}

impl Expansion {
    pub(super) fn size(&self) -> Size {
        Size {
            instances: self.own.instances.saturating_add(self.inside.instances),
            items: self.own.items.saturating_add(self.inside.items),
            canonical: self.own.canonical.saturating_add(self.inside.canonical),
        }
    }

    pub(super) fn define(&mut self, size: Size) {
        self.components.push(Some(size));
    }

    fn component(&self, index: u32) -> Option<Size> {
        *self.components.get(index as usize)?
    }

    fn instantiate(&mut self, index: u32) -> Result<()> {
        // A component from outside may be any that is passed, which the scan does not follow.
        let Some(size) = self.component(index) else {
            return Err(Refusal::new(
                RefusalKind::CompileLimit,
                format!(
                    "component {index} is instantiated where it is imported or taken from an instance; \
                     only a component that is written there is compiled"
                ),
            ));
        };
        self.inside.instances = self.inside.instances.saturating_add(size.instances);
        self.inside.items = self.inside.items.saturating_add(size.items);
        self.inside.canonical = self.inside.canonical.saturating_add(size.canonical);
        Ok(())
    }
}

/// Counts a section of the innermost component. `cases` are those of all types so far.
pub(super) fn section(
    shape: &Shape,
    open: &mut [OpenScope],
    cases: u64,
    payload: &Payload<'_>,
) -> Result<()> {
    let Some((OpenScope::Component(this), outer)) = open.split_last_mut() else {
        return Ok(());
    };
    let mut own = this.own;
    match payload {
        Payload::InstanceSection(section) => {
            own.instances += u64::from(section.count());
            for instance in section.clone() {
                own.items += match instance.map_err(malformed)? {
                    Instance::Instantiate { args, .. } => args.len() as u64,
                    Instance::FromExports(exports) => exports.len() as u64,
                };
            }
        }
        Payload::ComponentInstanceSection(section) => {
            own.instances += u64::from(section.count());
            for instance in section.clone() {
                own.items += match instance.map_err(malformed)? {
                    ComponentInstance::Instantiate {
                        component_index,
                        args,
                    } => {
                        this.instantiate(component_index)?;
                        // Checked at each step, so that no sum goes far beyond its limit.
                        this.check(shape, cases)?;
                        args.len() as u64
                    }
                    ComponentInstance::FromExports(exports) => exports.len() as u64,
                };
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            own.items += u64::from(section.count());
            own.canonical += u64::from(section.count());
        }
        Payload::ComponentAliasSection(section) => {
            own.items += u64::from(section.count());
            for alias in section.clone() {
                let brought = match alias.map_err(malformed)? {
                    ComponentAlias::InstanceExport {
                        kind: ComponentExternalKind::Component,
                        ..
                    } => None,
                    ComponentAlias::Outer {
                        kind: ComponentOuterAliasKind::Component,
                        count,
                        index,
                    } => match (count as usize).checked_sub(1) {
                        None => this.component(index),
                        Some(up) => outer.iter().rev().nth(up).and_then(|outer| match outer {
                            OpenScope::Component(outer) => outer.component(index),
                            OpenScope::Module(_) => None,
                        }),
                    },
                    _ => continue,
                };
                this.components.push(brought);
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                if let ComponentTypeRef::Component(_) = import.map_err(malformed)?.ty {
                    this.components.push(None);
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                let export = export.map_err(malformed)?;
                if export.kind == ComponentExternalKind::Component {
                    this.components.push(this.component(export.index));
                }
            }
        }
        _ => return Ok(()),
    }
    this.own = own;
    this.check(shape, cases)
}

impl Expansion {
    fn check(&self, shape: &Shape, cases: u64) -> Result<()> {
        let size = self.size();
        shape.instances.check(size.instances, Location::Whole)?;
        shape.items.check(size.items, Location::Whole)?;
        let adapters = self.inside.canonical;
        shape.adapters.check(adapters, Location::Whole)?;
        let product = adapters.saturating_mul(cases);
        shape.adapter_cases.check(product, Location::Whole)
    }
}
