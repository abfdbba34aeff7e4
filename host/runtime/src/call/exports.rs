//! The functions that a component exports: found once for a provider, described in our own types, called by name.

use tollgate_component::value::{Case, Field, Function, Type};
use tollgate_component::{Export, ItemKind, Refusal, Remedy, escape, split_version};
use wasmtime::Engine;
use wasmtime::Store;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type as EngineType};
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, TypedFunc};

use crate::call::context::CallContext;
use crate::call::provider::{RunParams, RunResult, missing};
use crate::engine::PooledEngine;

/// Types within types that are described of one component. A type of a few bytes may mean millions: a tuple of two
/// tuples of two tuples. The largest real component, CPython, has fewer than a thousand.
const MAX_TYPES: usize = 100_000;

/// A function that a component exports, and where the engine has it.
pub(crate) struct ExportedFunction {
    pub(crate) function: Function,
    pub(crate) ty: ComponentFunc,
    pub(crate) index: ComponentExportIndex,
}

impl ExportedFunction {
    /// Whether `wanted` means this function: `f`, `ns:pkg/iface.f` or `ns:pkg/iface@1.2.3.f`.
    fn answers_to(&self, wanted: &str) -> bool {
        let Function {
            interface, name, ..
        } = &self.function;
        if *wanted == **name {
            return true;
        }
        let Some(wanted) = wanted
            .strip_suffix(&**name)
            .and_then(|rest| rest.strip_suffix('.'))
        else {
            return false;
        };
        interface
            .as_ref()
            .is_some_and(|interface| *wanted == **interface || wanted == split_version(interface).0)
    }
}

/// All functions that a component exports, those in interfaces included, in the component's order.
pub(crate) fn functions(engine: &Engine, component: &Component) -> Vec<ExportedFunction> {
    let mut left = MAX_TYPES;
    let mut functions = Vec::new();
    let mut add = |interface: Option<&str>, name: &str, ty: ComponentFunc, index| {
        let Some(index) = index else { return };
        let params = ty.params().map(|(name, ty)| Field {
            name: name.to_owned(),
            ty: describe(&ty, &mut left),
        });
        let params = params.collect();
        let result = ty.results().next().map(|ty| describe(&ty, &mut left));
        functions.push(ExportedFunction {
            function: Function::new(interface.map(Into::into), name.into(), params, result),
            ty,
            index,
        });
    };
    for (name, export) in component.component_type().exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(ty) => {
                add(None, name, ty, component.get_export_index(None, name));
            }
            ComponentItem::ComponentInstance(instance) => {
                let Some(interface) = component.get_export_index(None, name) else {
                    continue;
                };
                for (item, export) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = export.ty {
                        let index = component.get_export_index(Some(&interface), item);
                        add(Some(name), item, ty, index);
                    }
                }
            }
            _ => {}
        }
    }
    functions
}

/// The engine's type as ours. `left` is the number of types that may still be described.
fn describe(ty: &EngineType, left: &mut usize) -> Type {
    if *left == 0 {
        return Type::Opaque("a type too large to be described");
    }
    *left -= 1;
    let mut boxed = |ty: &EngineType| Box::new(describe(ty, left));
    match ty {
        EngineType::Bool => Type::Bool,
        EngineType::S8 => Type::S8,
        EngineType::U8 => Type::U8,
        EngineType::S16 => Type::S16,
        EngineType::U16 => Type::U16,
        EngineType::S32 => Type::S32,
        EngineType::U32 => Type::U32,
        EngineType::S64 => Type::S64,
        EngineType::U64 => Type::U64,
        EngineType::Float32 => Type::F32,
        EngineType::Float64 => Type::F64,
        EngineType::Char => Type::Char,
        EngineType::String => Type::String,
        EngineType::List(of) => Type::List(boxed(&of.ty())),
        EngineType::Option(of) => Type::Option(boxed(&of.ty())),
        EngineType::Result(of) => {
            let ok = of.ok().map(|ty| boxed(&ty));
            Type::Result(ok, of.err().map(|ty| boxed(&ty)))
        }
        EngineType::Tuple(of) => Type::Tuple(of.types().map(|ty| describe(&ty, left)).collect()),
        EngineType::Record(of) => {
            let field = |field: wasmtime::component::types::Field<'_>| Field {
                name: field.name.to_owned(),
                ty: describe(&field.ty, left),
            };
            Type::Record(of.fields().map(field).collect())
        }
        EngineType::Variant(of) => {
            let case = |case: wasmtime::component::types::Case<'_>| Case {
                name: case.name.to_owned(),
                ty: case.ty.map(|ty| describe(&ty, left)),
            };
            Type::Variant(of.cases().map(case).collect())
        }
        EngineType::Enum(of) => Type::Enum(of.names().map(str::to_owned).collect()),
        EngineType::Flags(of) => Type::Flags(of.names().map(str::to_owned).collect()),
        EngineType::Own(_) | EngineType::Borrow(_) => Type::Opaque("a resource"),
        // Of proposals that are off: validation refuses a component that has one.
        EngineType::Map(_)
        | EngineType::Future(_)
        | EngineType::Stream(_)
        | EngineType::ErrorContext
        | EngineType::FixedLengthList(_) => Type::Opaque("a type of a proposal that is off"),
    }
}

/// The one function that `wanted` means.
///
/// # Errors
///
/// No function has that name, or more than one has.
pub(crate) fn find<'a>(
    functions: &'a [ExportedFunction],
    wanted: &str,
) -> Result<&'a ExportedFunction, Refusal> {
    // The full name of one may be the short name of another.
    if let Some(exact) = functions
        .iter()
        .find(|it| it.function.full_name() == wanted)
    {
        return Ok(exact);
    }
    let mut matching = functions.iter().filter(|it| it.answers_to(wanted));
    let Some(function) = matching.next() else {
        let text = format!(
            "a function `{}`; its WIT shows what it exports",
            escape::line(wanted)
        );
        return Err(missing(&text).with_remedy(Remedy::CallAnExport));
    };
    if let Some(other) = matching.next() {
        return Err(missing(&format!(
            "a single function `{wanted}`: write {} or {}",
            function.function.full_name(),
            other.function.full_name()
        )));
    }
    Ok(function)
}

/// The provider world's `run`, which is of the right type: only [`find_run`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct RunExport(ComponentExportIndex);

impl RunExport {
    /// The function itself. Looking at its type again, 50 ns, would be a sixteenth of a small call in a session.
    #[expect(unsafe_code, reason = "its type was checked when it was found")]
    pub(crate) fn of<'a>(
        self,
        store: &mut Store<CallContext>,
        instance: &Instance,
    ) -> wasmtime::Result<TypedFunc<RunParams<'a>, RunResult>> {
        let function = instance
            .get_func(store, self.0)
            .ok_or_else(|| wasmtime::Error::msg("an instance of another component"))?;
        // SAFETY: the engine finds it in instances of the component that it was found in, and only there; and
        // `find_run` found it to be of this type.
        Ok(unsafe { TypedFunc::new_unchecked(function) })
    }
}

/// The provider world's `run`, if it is there and of the right type.
pub(crate) fn find_run(unit: &PooledEngine, pre: &InstancePre<CallContext>) -> Option<RunExport> {
    let component = pre.component();
    let ty = component.component_type();
    let ComponentItem::ComponentFunc(run) = ty.get_export(&unit.engine, "run")?.ty else {
        return None;
    };
    run.typecheck::<RunParams<'_>, RunResult>(&pre.instance_type())
        .ok()?;
    component.get_export_index(None, "run").map(RunExport)
}

/// `run` of `wasi:cli/run`, in whichever 0.2 version it was built for.
pub(crate) fn find_command(
    component: &Component,
    exports: &[Export],
) -> Option<ComponentExportIndex> {
    let export = exports.iter().find(|export| {
        export.kind == ItemKind::Instance
            && matches!(split_version(&export.name), ("wasi:cli/run", Some(version)) if version.starts_with("0.2."))
    })?;
    let interface = component.get_export_index(None, &export.name)?;
    component.get_export_index(Some(&interface), "run")
}
