//! The shape of a section of component types. wasmparser reads a type inside a type by recursion, without a limit, so
//! the levels are walked here first.

use wasmparser::{
    BinaryReader, ComponentDefinedType, ComponentType, ComponentTypeDeclaration,
    CompositeInnerType, CoreType, ModuleTypeDeclaration, RecGroup, Result as ReaderResult,
};

use super::{Location, Result, Shape, Totals};
use crate::refusal::malformed;

/// The bytes that mark the kind of type that follows (component model, binary format).
const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;
const TYPE_DECLARATION: u8 = 0x01;

/// `bytes` are the contents of a section, at `offset` in the file.
pub(super) fn types(shape: &Shape, totals: &mut Totals, bytes: &[u8], offset: usize) -> Result<()> {
    let mut reader = BinaryReader::new(bytes, offset);
    let mut left = vec![count(shape, totals, &mut reader)?];
    while let Some(count_left) = left.last_mut() {
        let Some(less) = count_left.checked_sub(1) else {
            left.pop();
            continue;
        };
        *count_left = less;
        if left.len() > 1 {
            if peek(&reader).map_err(malformed)? != TYPE_DECLARATION {
                let other = reader.read::<ComponentTypeDeclaration<'_>>();
                if let ComponentTypeDeclaration::CoreType(ty) = other.map_err(malformed)? {
                    core(shape, totals, &ty)?;
                }
                continue;
            }
            reader.read_u8().map_err(malformed)?;
        }
        if matches!(
            peek(&reader).map_err(malformed)?,
            COMPONENT_TYPE | INSTANCE_TYPE
        ) {
            shape
                .type_nesting
                .check(left.len() as u64, Location::Whole)?;
            reader.read_u8().map_err(malformed)?;
            left.push(count(shape, totals, &mut reader)?);
        } else {
            let ty = reader.read().map_err(malformed)?;
            let cases = cases(&ty) as u64;
            shape.cases.check(cases, Location::Whole)?;
            shape
                .all_cases
                .add(&mut totals.cases, cases, Location::Whole)?;
        }
    }
    Ok(())
}

/// Counts a core type of a component. The declarations of a module type count like those of the component.
pub(super) fn core(shape: &Shape, totals: &mut Totals, ty: &CoreType<'_>) -> Result<()> {
    let declarations = match ty {
        CoreType::Rec(group) => return signatures(shape, totals, group),
        CoreType::Module(declarations) => declarations,
    };
    let count = declarations.len() as u64;
    shape.types.add(&mut totals.types, count, Location::Whole)?;
    let name = |name: &str| shape.name.check(name.len() as u64, Location::Name(name));
    for declaration in declarations {
        match declaration {
            ModuleTypeDeclaration::Type(group) => signatures(shape, totals, group)?,
            ModuleTypeDeclaration::Export { name: own, .. } => name(own)?,
            ModuleTypeDeclaration::Import(import) => {
                name(import.module)?;
                name(import.name)?;
            }
            ModuleTypeDeclaration::OuterAlias { .. } => {}
        }
    }
    Ok(())
}

/// Counts the parameters and results of function types.
pub(super) fn signatures(shape: &Shape, totals: &mut Totals, group: &RecGroup) -> Result<()> {
    for ty in group.types() {
        if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
            let width = ty.params().len() + ty.results().len();
            let total = &mut totals.signatures;
            shape.signatures.add(total, width as u64, Location::Whole)?;
        }
    }
    Ok(())
}

fn count(shape: &Shape, totals: &mut Totals, reader: &mut BinaryReader<'_>) -> Result<u32> {
    let count = reader.read_var_u32().map_err(malformed)?;
    shape
        .types
        .add(&mut totals.types, count.into(), Location::Whole)?;
    Ok(count)
}

fn peek(reader: &BinaryReader<'_>) -> ReaderResult<u8> {
    reader.clone().read_u8()
}

fn cases(ty: &ComponentType<'_>) -> usize {
    match ty {
        ComponentType::Func(ty) => ty.params.len(),
        ComponentType::Defined(ComponentDefinedType::Record(fields)) => fields.len(),
        ComponentType::Defined(ComponentDefinedType::Variant(cases)) => cases.len(),
        ComponentType::Defined(ComponentDefinedType::Tuple(types)) => types.len(),
        ComponentType::Defined(
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names),
        ) => names.len(),
        _ => 0,
    }
}
