//! Compositions whose strings cost fuel.
//!
//! Between two components of a composition the engine copies, checks and writes strings in a step of its own, which counts
//! no fuel and tells nobody how long the string is. It asks the component that gets the string for room first, by its
//! `realloc`. So each `realloc` that a canonical function names is replaced by one that pays for the bytes and then calls
//! it (docs/adr/0018-strings-between-components.md).
//!
//! ```text
//! (core module $charge …)                             first in each component
//! …
//! (core instance $named (export "" (func $realloc)))
//! (core instance $paying (instantiate $charge (with "" (instance $named))))
//! (alias core export $paying "" (core func $charged))
//! (canon lift … (realloc (func $charged)))
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Alias, BlockType, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection,
    ComponentSectionId, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstanceSection, Module, ModuleArg, ModuleSection, NameMap, NameSection,
    NestedComponentSection, RawSection, TypeSection, ValType,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Parser, Payload,
};

/// Fuel for a byte of room that the engine asks a component of a composition for, where it may write a string. Writing it takes
/// 0.5 to 10 ns.
pub const ROOM_PRICE: u64 = 5;

/// Bytes that are paid for at once. A loop over each byte would take as long as the copy.
const STEP: i32 = 64;

/// The alignment of strings is 1 or 2. Lists of larger elements are copied by code that counts fuel.
const STRING_ALIGN: i32 = 2;

/// Bytes that the engine holds for an instance of what is put before one realloc.
pub(crate) const CHARGE_DATA: u64 = 1_024 + 32 + 32 + 3 * 64;

/// The name of the only import and export of the charge.
const NAME: &str = "";
/// The name of its function in the trace of a trap.
const TRACED: &str = "room for a string of another component";

/// The component to compile: `bytes`, which are valid, or if they are a composition, the same with strings that cost fuel.
///
/// # Errors
///
/// The text says which part of a valid component is not understood.
pub fn charged(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if !is_composition(bytes).map_err(|error| error.to_string())? {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut charging = Charging::default();
    let mut whole = charging.begin();
    match charging.parse_component(&mut whole, Parser::new(0), bytes) {
        Ok(()) => Ok(Cow::Owned(whole.finish())),
        Err(error) => Err(format!(
            "strings between its components cost fuel, but {error}"
        )),
    }
}

/// Whether functions go from one component to another: a component inside has a canonical function that is called or calls.
/// Those that toolchains write to rename exports have none.
fn is_composition(bytes: &[u8]) -> wasmparser::Result<bool> {
    let mut open = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => open = open.saturating_add(1),
            Payload::End(_) => open = open.saturating_sub(1),
            Payload::ComponentCanonicalSection(section) if open > 1 => {
                for function in section {
                    if goes_between(&function?) {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

/// Whether a function of a component inside goes from it to another component, or to it.
pub(crate) fn goes_between(function: &CanonicalFunction) -> bool {
    options(function).is_some()
}

/// The options of a function that goes from one component to another, or to the host.
fn options(function: &CanonicalFunction) -> Option<&[CanonicalOption]> {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            Some(options)
        }
        _ => None,
    }
}

/// The realloc of a canonical function, which is replaced in a composition.
pub(crate) fn realloc(function: &CanonicalFunction) -> Option<u32> {
    let mut options = options(function)?.iter();
    options.find_map(|option| match option {
        CanonicalOption::Realloc(realloc) => Some(*realloc),
        _ => None,
    })
}

/// Writes a component again, with its reallocs replaced.
#[derive(Default)]
struct Charging {
    /// The components that are open, outermost first.
    open: Vec<Scope>,
}

/// The core functions and core instances of one component: their numbers here by those in the original.
#[derive(Default)]
struct Scope {
    functions: Numbers,
    instances: Numbers,
    /// The functions that pay, by the number in the original of the realloc that each calls.
    charged: BTreeMap<u32, u32>,
    names: CoreFunctions,
}

/// The core functions of a component, some of which have several numbers: toolchains name a realloc anew for each function
/// that uses it.
#[derive(Default)]
pub(crate) struct CoreFunctions {
    next: u32,
    /// The first number of each export of a core instance.
    named: BTreeMap<(u32, String), u32>,
    /// The first number of a function, by each later one.
    first: BTreeMap<u32, u32>,
}

impl CoreFunctions {
    /// The next function.
    pub(crate) fn define(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// The next function, which is an export of a core instance. An alias of another item is none.
    pub(crate) fn define_alias(&mut self, alias: &ComponentAlias<'_>) -> bool {
        let ComponentAlias::CoreInstanceExport {
            kind: ExternalKind::Func | ExternalKind::FuncExact,
            instance_index,
            name,
        } = alias
        else {
            return false;
        };
        let export = (*instance_index, (*name).to_owned());
        let first = *self.named.entry(export).or_insert(self.next);
        if first != self.next {
            self.first.insert(self.next, first);
        }
        self.define();
        true
    }

    /// The first number of the function that has this one.
    pub(crate) fn first_of(&self, function: u32) -> u32 {
        self.first.get(&function).copied().unwrap_or(function)
    }
}

/// A space of indices with items between those of the original.
#[derive(Default)]
struct Numbers {
    of_original: Vec<u32>,
    next: u32,
}

impl Numbers {
    /// An item of ours.
    fn add(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// An item of the original.
    fn define(&mut self) {
        let number = self.add();
        self.of_original.push(number);
    }

    fn get(&self, original: u32) -> Option<u32> {
        self.of_original.get(original as usize).copied()
    }
}

/// A valid component that is not understood.
#[derive(Debug)]
struct Unknown(&'static str);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not known", self.0)
    }
}

type Error = reencode::Error<Unknown>;

fn unknown(what: &'static str) -> Error {
    reencode::Error::UserError(Unknown(what))
}

impl Charging {
    /// Begins a component: the core module that charges is its first.
    fn begin(&mut self) -> Component {
        self.open.push(Scope::default());
        let mut component = Component::new();
        component.section(&ModuleSection(&charge()));
        component
    }

    fn scope(&mut self) -> Result<&mut Scope, Error> {
        self.open.last_mut().ok_or_else(|| unknown("its scope"))
    }

    /// Writes the function that pays and then calls `realloc`, if there is none yet.
    fn charge(&mut self, component: &mut Component, realloc: u32) -> Result<(), Error> {
        let function = self.function_index(realloc)?;
        let scope = self.scope()?;
        let realloc = scope.names.first_of(realloc);
        if scope.charged.contains_key(&realloc) {
            return Ok(());
        }
        let named = scope.instances.add();
        let paying = scope.instances.add();
        scope.charged.insert(realloc, scope.functions.add());
        let mut instances = InstanceSection::new();
        instances.export_items([(NAME, ExportKind::Func, function)]);
        instances.instantiate::<_, &str>(0, [(NAME, ModuleArg::Instance(named))]);
        component.section(&instances);
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport {
            instance: paying,
            kind: ExportKind::Func,
            name: NAME,
        });
        component.section(&aliases);
        Ok(())
    }

    /// Writes each canonical function in a section of its own, behind the one that pays for it.
    fn canonical(
        &mut self,
        component: &mut Component,
        function: CanonicalFunction,
    ) -> Result<(), Error> {
        let is_core = !matches!(function, CanonicalFunction::Lift { .. });
        // That of another kind of function is not replaced, and is refused by `canonical_option`.
        if let Some(realloc) = realloc(&function) {
            self.charge(component, realloc)?;
        }
        let mut section = CanonicalFunctionSection::new();
        self.parse_component_canonical(&mut section, function)?;
        component.section(&section);
        if is_core {
            let scope = self.scope()?;
            scope.functions.define();
            scope.names.define();
        }
        Ok(())
    }
}

impl Reencode for Charging {
    type Error = Unknown;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let number = self.scope()?.functions.get(function);
        number.ok_or_else(|| unknown("a core function"))
    }
}

impl ReencodeComponent for Charging {
    /// The first is the one that charges.
    fn module_index(&mut self, module: u32) -> u32 {
        module.saturating_add(1)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        let number = self
            .open
            .last()
            .and_then(|scope| scope.instances.get(instance));
        // No component is valid with as many.
        number.unwrap_or(u32::MAX)
    }

    fn canonical_option(
        &mut self,
        option: CanonicalOption,
    ) -> Result<wasm_encoder::CanonicalOption, Error> {
        let CanonicalOption::Realloc(realloc) = option else {
            return component_utils::canonical_option(self, option);
        };
        let scope = self.scope()?;
        let charged = scope.charged.get(&scope.names.first_of(realloc)).copied();
        let charged = charged.ok_or_else(|| unknown("a canonical function that makes room"))?;
        Ok(wasm_encoder::CanonicalOption::Realloc(charged))
    }

    fn parse_component_payload(
        &mut self,
        component: &mut Component,
        payload: Payload<'_>,
        whole: &[u8],
    ) -> Result<(), Error> {
        if let Payload::ComponentCanonicalSection(section) = payload {
            for function in section {
                self.canonical(component, function?)?;
            }
            return Ok(());
        }
        component_utils::parse_component_payload(self, component, payload, whole)
    }

    /// Core modules stay as they are.
    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        _: Parser,
        module: &[u8],
    ) -> Result<(), Error> {
        component.section(&RawSection {
            id: ComponentSectionId::CoreModule.into(),
            data: module,
        });
        Ok(())
    }

    fn parse_component_subcomponent(
        &mut self,
        component: &mut Component,
        parser: Parser,
        inner: &[u8],
        whole: &[u8],
    ) -> Result<(), Error> {
        let mut rewritten = self.begin();
        component_utils::parse_component(self, &mut rewritten, parser, inner, whole)?;
        self.open.pop();
        component.section(&NestedComponentSection(&rewritten));
        Ok(())
    }

    /// Names of what is in a component, which the engine does not read, may name what is not there.
    fn parse_component_custom_section(
        &mut self,
        _: &mut Component,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn parse_component_alias_section(
        &mut self,
        aliases: &mut ComponentAliasSection,
        section: wasmparser::ComponentAliasSectionReader<'_>,
    ) -> Result<(), Error> {
        for alias in section {
            let alias = alias?;
            let is_function = self.scope()?.names.define_alias(&alias);
            aliases.alias(self.component_alias(alias)?);
            if is_function {
                self.scope()?.functions.define();
            }
        }
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: wasmparser::Instance<'_>,
    ) -> Result<(), Error> {
        component_utils::parse_instance(self, instances, instance)?;
        self.scope()?.instances.define();
        Ok(())
    }
}

/// The core module that pays for room and then makes it.
fn charge() -> Module {
    let [old, old_size, align, size, left] = [0, 1, 2, 3, 4];
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import(NAME, NAME, EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export(NAME, ExportKind::Func, 1);
    let mut body = Function::new([(1, ValType::I32)]);
    let mut code = body.instructions();
    code.local_get(align).i32_const(STRING_ALIGN).i32_le_u();
    code.if_(BlockType::Empty);
    code.local_get(size).local_set(left);
    code.loop_(BlockType::Empty);
    // A constant counts as one instruction, and is no code when it is dropped.
    for _ in 0..u64::from(STEP.unsigned_abs()) * ROOM_PRICE {
        code.i32_const(0).drop();
    }
    code.local_get(left).i32_const(STEP).i32_gt_u();
    code.if_(BlockType::Empty);
    code.local_get(left)
        .i32_const(STEP)
        .i32_sub()
        .local_set(left);
    code.br(1).end().end().end();
    code.local_get(old).local_get(old_size).local_get(align);
    code.local_get(size).call(0).end();
    let mut codes = CodeSection::new();
    codes.function(&body);
    let mut names = NameSection::new();
    let mut traced = NameMap::new();
    traced.append(1, TRACED);
    names.functions(&traced);
    module.section(&types).section(&imports).section(&functions);
    module.section(&exports).section(&codes).section(&names);
    module
}

#[cfg(test)]
#[path = "charged_tests.rs"]
mod tests;
