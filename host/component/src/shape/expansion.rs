//! The size of a component once it is instantiated. The compiler inlines a component as often as it is instantiated, so
//! a chain of components grows with a power of its length.

use std::collections::BTreeSet;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Instance, Payload,
};

use super::{Location, OpenScope, Result, Shape, Totals};
use crate::charged::{CHARGE_DATA, CoreFunctions, goes_between, realloc};
use crate::refusal::malformed;
use crate::refusal::{Refusal, RefusalKind};

/// The items that one instantiation adds.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    instances: u64,
    items: u64,
    canonical: u64,
    /// The types of canonical functions, in full.
    described: u64,
    /// Types that instantiating makes anew.
    remapped: u64,
    /// Bytes that the engine holds for its instances of core modules.
    instance_data: u64,
    /// Instances of modules from outside, which may be any of the file.
    unknown_modules: u64,
    /// Functions that make room, each of which is called by one that pays in a composition.
    reallocs: u64,
}

/// Bytes of the engine for an alias, a canonical function or an argument of an instance.
const ITEM: u64 = 64;

impl Size {
    fn plus(self, other: Size) -> Size {
        Size {
            instances: self.instances.saturating_add(other.instances),
            items: self.items.saturating_add(other.items),
            canonical: self.canonical.saturating_add(other.canonical),
            described: self.described.saturating_add(other.described),
            remapped: self.remapped.saturating_add(other.remapped),
            instance_data: self.instance_data.saturating_add(other.instance_data),
            unknown_modules: self.unknown_modules.saturating_add(other.unknown_modules),
            reallocs: self.reallocs.saturating_add(other.reallocs),
        }
    }

    /// Bytes that the engine holds for one instance of the component. `largest` is the data of the largest module.
    pub(super) fn instance_data(self, largest: u64, is_composition: bool) -> u64 {
        let unknown = self.unknown_modules.saturating_mul(largest);
        let items = self.items.saturating_mul(ITEM);
        let charges = if is_composition { self.reallocs } else { 0 };
        self.instance_data
            .saturating_add(unknown)
            .saturating_add(items)
            .saturating_add(charges.saturating_mul(CHARGE_DATA))
    }
}

/// A component, as far as it is read.
#[derive(Default)]
pub(super) struct Expansion {
    own: Size,
    inside: Size,
    /// Its components by index; `None` for one that an import or an instance brings.
    components: Vec<Option<Size>>,
    /// The data of an instance of its core modules, by index; `None` for one from outside.
    modules: Vec<Option<u64>>,
    /// The core functions that make room, by index.
    reallocs: BTreeSet<u32>,
    /// Its core functions so far.
    functions: CoreFunctions,
}

impl Expansion {
    pub(super) fn size(&self) -> Size {
        self.own.plus(self.inside)
    }

    pub(super) fn define(&mut self, size: Size) {
        self.components.push(Some(size));
    }

    pub(super) fn define_module(&mut self, instance_data: u64) {
        self.modules.push(Some(instance_data));
    }

    fn module(&self, index: u32) -> Option<u64> {
        *self.modules.get(index as usize)?
    }

    fn component(&self, index: u32) -> Option<Size> {
        *self.components.get(index as usize)?
    }

    fn instantiate(&mut self, index: u32, shape: &Shape, totals: &mut Totals) -> Result<()> {
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
        self.inside = self.inside.plus(Size {
            remapped: 0,
            ..size
        });
        // Its types that mention a resource are made anew, whether they are written in it or around it.
        self.remap(size.remapped.max(totals.types), shape, totals)
    }

    /// Counts types that validation makes anew, for an instance.
    fn remap(&mut self, types: u64, shape: &Shape, totals: &mut Totals) -> Result<()> {
        self.own.remapped = self.own.remapped.saturating_add(types);
        let total = &mut totals.remapped;
        shape.remapped.add(total, types, Location::Whole)
    }

    pub(super) fn describe(&mut self, shape: &Shape, totals: &Totals, size: u64) -> Result<()> {
        self.own.described = self.own.described.saturating_add(size);
        self.check(shape, totals.cases)
    }
}

/// Counts a section of the innermost component. `totals` are those of the whole file so far.
pub(super) fn section(
    shape: &Shape,
    open: &mut [OpenScope],
    totals: &mut Totals,
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
                    Instance::Instantiate { module_index, args } => {
                        match this.module(module_index) {
                            Some(data) => {
                                own.instance_data = own.instance_data.saturating_add(data);
                            }
                            None => own.unknown_modules += 1,
                        }
                        args.len() as u64
                    }
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
                        this.instantiate(component_index, shape, totals)?;
                        // Checked at each step, so that no sum goes far beyond its limit.
                        this.check(shape, totals.cases)?;
                        args.len() as u64
                    }
                    ComponentInstance::FromExports(exports) => exports.len() as u64,
                };
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            own.items += u64::from(section.count());
            own.canonical += u64::from(section.count());
            for function in section.clone() {
                let function = function.map_err(malformed)?;
                let realloc = realloc(&function);
                this.reallocs
                    .extend(realloc.map(|realloc| this.functions.first_of(realloc)));
                if !matches!(function, CanonicalFunction::Lift { .. }) {
                    this.functions.define();
                }
                totals.is_composition |= !outer.is_empty() && goes_between(&function);
            }
            own.reallocs = this.reallocs.len() as u64;
        }
        Payload::ComponentAliasSection(section) => {
            own.items += u64::from(section.count());
            for alias in section.clone() {
                let up = |count: u32| (count as usize).checked_sub(1);
                let alias = alias.map_err(malformed)?;
                this.functions.define_alias(&alias);
                let brought = match alias {
                    ComponentAlias::InstanceExport {
                        kind: ComponentExternalKind::Component,
                        ..
                    } => None,
                    ComponentAlias::InstanceExport {
                        kind: ComponentExternalKind::Module,
                        ..
                    } => {
                        this.modules.push(None);
                        continue;
                    }
                    ComponentAlias::Outer {
                        kind: ComponentOuterAliasKind::CoreModule,
                        count,
                        index,
                    } => {
                        let module = match up(count) {
                            None => this.module(index),
                            Some(up) => outer_scope(outer, up).and_then(|it| it.module(index)),
                        };
                        this.modules.push(module);
                        continue;
                    }
                    ComponentAlias::Outer {
                        kind: ComponentOuterAliasKind::Component,
                        count,
                        index,
                    } => match up(count) {
                        None => this.component(index),
                        Some(up) => outer_scope(outer, up).and_then(|it| it.component(index)),
                    },
                    _ => continue,
                };
                this.components.push(brought);
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                match import.map_err(malformed)?.ty {
                    ComponentTypeRef::Component(_) => this.components.push(None),
                    ComponentTypeRef::Module(_) => this.modules.push(None),
                    ComponentTypeRef::Instance(_) => this.remap(totals.types, shape, totals)?,
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                let export = export.map_err(malformed)?;
                match export.kind {
                    ComponentExternalKind::Component => {
                        this.components.push(this.component(export.index));
                    }
                    ComponentExternalKind::Module => this.modules.push(this.module(export.index)),
                    _ => {}
                }
            }
        }
        _ => return Ok(()),
    }
    // The instances above have been added to it meanwhile.
    this.own = Size {
        remapped: this.own.remapped,
        ..own
    };
    this.check(shape, totals.cases)
}

/// The component `up` levels up.
fn outer_scope(outer: &[OpenScope], up: usize) -> Option<&Expansion> {
    match outer.iter().rev().nth(up)? {
        OpenScope::Component(outer) => Some(outer),
        OpenScope::Module(_) => None,
    }
}

impl Expansion {
    fn check(&self, shape: &Shape, cases: u64) -> Result<()> {
        let size = self.size();
        shape.instances.check(size.instances, Location::Whole)?;
        shape.items.check(size.items, Location::Whole)?;
        let adapters = self.inside.canonical;
        shape.adapters.check(adapters, Location::Whole)?;
        shape.described.check(size.described, Location::Whole)?;
        let product = adapters.saturating_mul(cases);
        shape.adapter_cases.check(product, Location::Whole)
    }
}
