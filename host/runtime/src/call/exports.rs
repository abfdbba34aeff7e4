//! The functions that a component exports: found once for a provider, described in our own types, called by name.

use std::sync::Arc;

use tollgate_capability::HostFailure;
use tollgate_component::value::{Case, Field, Function, Type};
use tollgate_component::{Export, ItemKind, Refusal, RefusalKind, Remedy, escape, split_version};
use tollgate_policy::nearest;
use wasmtime::Engine;
use wasmtime::Store;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type as EngineType};
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, TypedFunc};

use crate::call::context::CallContext;
use crate::call::weight::weight;
use crate::engine::PooledEngine;
use crate::interface::provider_0_2::bindings::provider::types::Error;

/// Parameters and result of `run` in the provider world.
pub(crate) type RunParams<'a> = (&'a [u8],);
pub(crate) type RunResult = (Result<Vec<u8>, Error>,);

/// Result of `run` in `wasi:cli/run`, which has no parameters.
pub(crate) type CommandResult = (Result<(), ()>,);

/// Bytes of descriptions of all functions of one component. A type of a few bytes may mean millions: a tuple of two
/// tuples of two tuples, or one enumeration of a thousand names in each place. The largest real component, CPython, takes
/// less than 100 KiB.
const MAX_DESCRIPTIONS: usize = 8 << 20;

/// Bytes of the description of one function, so that one function does not take the room of the others.
const MAX_DESCRIPTION: usize = 1 << 20;

/// Functions that a message lists.
const LISTED: usize = 8;

/// The text for a type that is left out of a description.
const TOO_LARGE: &str = "a type too large to be described";

/// Bytes that may still be used.
struct Budget(usize);

impl Budget {
    /// Takes `bytes`, or all that is left if it is less.
    fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }

    /// Takes a copy of `name`.
    fn name(&mut self, name: &str) -> Option<String> {
        self.take(name.len() + size_of::<String>())
            .then(|| name.to_owned())
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Option<Vec<String>> {
        names.map(|name| self.name(name)).collect()
    }
}

/// A function that a component exports, and where the engine has it.
pub(crate) struct ExportedFunction {
    pub(crate) function: Function,
    pub(crate) ty: ComponentFunc,
    pub(crate) index: ComponentExportIndex,
    /// The [`weight()`] of the result.
    pub(crate) weight: u64,
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

/// The functions that a component exports.
pub(crate) struct ExportedFunctions {
    pub(crate) list: Vec<ExportedFunction>,
    /// The component has more, which the budget of descriptions does not cover.
    is_cut: bool,
}

/// The functions that a component exports by themselves and in interfaces, in the component's order.
pub(crate) fn functions(engine: &Engine, component: &Component) -> ExportedFunctions {
    // Functions and types apart, so that large types leave room for the functions that have none.
    let (mut left, mut types_left) = (Budget(MAX_DESCRIPTIONS), Budget(MAX_DESCRIPTIONS));
    let mut list = Vec::new();
    let mut is_cut = false;
    let mut add = |interface: Option<&Arc<str>>, name: &str, ty: ComponentFunc, index| {
        let Some(index) = index else { return };
        let names = ty.params().map(|(name, _)| name.len() + size_of::<Field>());
        let fixed = size_of::<ExportedFunction>() + name.len() + names.sum::<usize>();
        if is_cut || !left.take(fixed) {
            is_cut = true;
            return;
        }
        let share = MAX_DESCRIPTION.min(types_left.0);
        let mut own = Budget(share);
        let params = ty.params().map(|(name, ty)| Field {
            name: name.to_owned(),
            ty: describe(&ty, &mut own),
        });
        let params = params.collect();
        let result = ty.results().next().map(|ty| describe(&ty, &mut own));
        // Each visited type counts, also if it did not fit: the visit took time.
        types_left.take(share.saturating_sub(own.0));
        let weight = result.as_ref().map_or(1, weight);
        list.push(ExportedFunction {
            weight,
            function: Function::new(interface.cloned(), name.into(), params, result),
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
                let name: Arc<str> = name.into();
                for (item, export) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = export.ty {
                        let index = component.get_export_index(Some(&interface), item);
                        add(Some(&name), item, ty, index);
                    }
                }
            }
            _ => {}
        }
    }
    ExportedFunctions { list, is_cut }
}

/// The engine's type as ours; [`TOO_LARGE`] in its place where `left` does not cover it. The engine bounds how deep types
/// are nested, at 100.
fn describe(ty: &EngineType, left: &mut Budget) -> Type {
    describe_within(ty, left).unwrap_or(Type::Opaque(TOO_LARGE))
}

fn describe_within(ty: &EngineType, left: &mut Budget) -> Option<Type> {
    if !left.take(size_of::<Type>()) {
        return None;
    }
    let mut boxed = |ty: &EngineType| Box::new(describe(ty, left));
    Some(match ty {
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
        // The rest of a long type is not walked once the budget is used up.
        EngineType::Tuple(of) => {
            let types = of.types().map(|ty| describe_within(&ty, left));
            Type::Tuple(types.collect::<Option<_>>()?)
        }
        EngineType::Record(of) => {
            let fields = of.fields().map(|field| {
                let name = left.name(field.name)?;
                let ty = describe_within(&field.ty, left)?;
                Some(Field { name, ty })
            });
            Type::Record(fields.collect::<Option<_>>()?)
        }
        EngineType::Variant(of) => {
            let cases = of.cases().map(|case| {
                let name = left.name(case.name)?;
                let ty = match &case.ty {
                    Some(ty) => Some(describe_within(ty, left)?),
                    None => None,
                };
                Some(Case { name, ty })
            });
            Type::Variant(cases.collect::<Option<_>>()?)
        }
        EngineType::Enum(of) => Type::Enum(left.names(of.names())?),
        EngineType::Flags(of) => Type::Flags(left.names(of.names())?),
        EngineType::Own(_) | EngineType::Borrow(_) => Type::Opaque("a resource"),
        // Types of proposals that are off: validation refuses a component that has one.
        EngineType::Map(_)
        | EngineType::Future(_)
        | EngineType::Stream(_)
        | EngineType::ErrorContext
        | EngineType::FixedLengthList(_) => Type::Opaque("a type of a proposal that is off"),
    })
}

/// The one function that `wanted` means.
///
/// # Errors
///
/// No function has that name, or more than one has.
pub(crate) fn find<'a>(
    functions: &'a ExportedFunctions,
    wanted: &str,
) -> Result<&'a ExportedFunction, Refusal> {
    let ExportedFunctions { list, is_cut } = functions;
    // The full name of one may be the short name of another.
    if let Some(exact) = list.iter().find(|it| it.function.full_name() == wanted) {
        return Ok(exact);
    }
    let mut matching = list.iter().filter(|it| it.answers_to(wanted));
    let Some(function) = matching.next() else {
        let wanted = escape::line(wanted);
        if *is_cut {
            let text = format!(
                "a function `{wanted}` among the {} that are described",
                list.len()
            );
            return Err(missing(&text));
        }
        let names = list.iter().map(|it| &*it.function.name);
        let near = nearest(&wanted, &names.collect::<Vec<_>>());
        let near = near.map(|name| format!("; did you mean `{}`?", escape::line(name)));
        let text = format!(
            "a function `{wanted}`{}; {}",
            near.unwrap_or_default(),
            listed(functions)
        );
        return Err(missing(&text).with_remedy(Remedy::CallAnExport));
    };
    if let Some(other) = matching.next() {
        return Err(missing(&format!(
            "a single function `{}`: write {} or {}",
            escape::line(wanted),
            escape::line(&function.function.full_name()),
            escape::line(&other.function.full_name())
        )));
    }
    Ok(function)
}

/// The functions that a component exports, in words: the first of them by name.
pub(crate) fn listed(functions: &ExportedFunctions) -> String {
    let ExportedFunctions { list, is_cut } = functions;
    let names: Vec<String> = list
        .iter()
        .take(LISTED)
        .map(|it| format!("`{}`", escape::line(&it.function.full_name())))
        .collect();
    let more = list.len().saturating_sub(names.len());
    match (names.is_empty(), more) {
        (true, _) => "it exports no function".to_owned(),
        (false, 0) if !is_cut => format!("it exports {}", names.join(", ")),
        (false, 0) => format!("it exports {} and more", names.join(", ")),
        (false, more) => format!("it exports {} and {more} more", names.join(", ")),
    }
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
            .ok_or_else(|| HostFailure("an instance of another component".to_owned()))?;
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

/// The refusal of a component that does not export the called function.
pub(crate) fn missing(what: &str) -> Refusal {
    Refusal::new(
        RefusalKind::MissingExport,
        format!("the component does not export {what}"),
    )
}
