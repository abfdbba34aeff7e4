//! The size of the types of canonical functions, each written in full. The engine describes the types of each function anew,
//! and a type that is used twice in another one twice, so that a few types of types mean millions.

use std::collections::HashMap;

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentFuncTypeId,
    ComponentValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{CanonicalFunction, ComponentCanonicalSectionReader};

use super::Result;
use crate::refusal::malformed;

/// The sizes of types that are known: the number of types, names, fields and cases in them.
#[derive(Default)]
pub(super) struct Described(HashMap<ComponentDefinedTypeId, u64>);

impl Described {
    /// The sizes of all functions of a section that was validated. `types` are those of the innermost component.
    pub(super) fn section(
        &mut self,
        types: TypesRef<'_>,
        section: &ComponentCanonicalSectionReader<'_>,
    ) -> Result<u64> {
        let mut size = 0_u64;
        for function in section.clone() {
            let id = match function.map_err(malformed)? {
                CanonicalFunction::Lift { type_index, .. }
                    if type_index < types.component_type_count() =>
                {
                    match types.component_any_type_at(type_index) {
                        ComponentAnyTypeId::Func(id) => id,
                        _ => continue,
                    }
                }
                CanonicalFunction::Lower { func_index, .. }
                    if func_index < types.component_function_count() =>
                {
                    types.component_function_at(func_index)
                }
                _ => continue,
            };
            size = size.saturating_add(self.function(types, id));
        }
        Ok(size)
    }

    fn function(&mut self, types: TypesRef<'_>, id: ComponentFuncTypeId) -> u64 {
        let Some(ty) = types.get(id) else { return 0 };
        let params = ty.params.iter().map(|(_, ty)| ty);
        self.all(types, params.chain(&ty.result))
    }

    fn all<'a>(
        &mut self,
        types: TypesRef<'_>,
        all: impl Iterator<Item = &'a ComponentValType>,
    ) -> u64 {
        all.fold(0, |size: u64, ty| {
            size.saturating_add(1).saturating_add(self.value(types, ty))
        })
    }

    fn value(&mut self, types: TypesRef<'_>, ty: &ComponentValType) -> u64 {
        match ty {
            ComponentValType::Primitive(_) => 1,
            ComponentValType::Type(id) => self.defined(types, *id),
        }
    }

    /// Recursive: validation has refused types that are nested more than 100 deep.
    fn defined(&mut self, types: TypesRef<'_>, id: ComponentDefinedTypeId) -> u64 {
        if let Some(size) = self.0.get(&id) {
            return *size;
        }
        let inside = match types.get(id) {
            None
            | Some(
                ComponentDefinedType::Primitive(_)
                | ComponentDefinedType::Own(_)
                | ComponentDefinedType::Borrow(_),
            ) => 0,
            Some(ComponentDefinedType::Record(of)) => self.all(types, of.fields.values()),
            Some(ComponentDefinedType::Tuple(of)) => self.all(types, of.types.iter()),
            Some(ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names)) => {
                names.len() as u64
            }
            Some(ComponentDefinedType::Variant(of)) => {
                let payloads = of.cases.values().filter_map(|case| case.ty.as_ref());
                self.all(types, payloads)
                    .saturating_add(of.cases.len() as u64)
            }
            Some(
                ComponentDefinedType::List { element: ty, .. }
                | ComponentDefinedType::FixedLengthList { element: ty, .. }
                | ComponentDefinedType::Option { ty, .. },
            ) => self.value(types, ty),
            Some(ComponentDefinedType::Map { key, value, .. }) => {
                self.all(types, [key, value].into_iter())
            }
            Some(ComponentDefinedType::Result { ok, err, .. }) => {
                self.all(types, ok.iter().chain(err))
            }
            Some(
                ComponentDefinedType::Future { ty, .. } | ComponentDefinedType::Stream { ty, .. },
            ) => self.all(types, ty.iter()),
        };
        let size = inside.saturating_add(1);
        self.0.insert(id, size);
        size
    }
}
