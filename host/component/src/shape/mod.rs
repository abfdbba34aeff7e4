//! The shape of a component, bounded before anything is compiled: one pass over its sections and function bodies,
//! validation included, without recursion.
//!
//! Compiling takes more than linear time and memory in some of the counts below; a few kilobytes can ask for gigabytes
//! (A4 to A9 in docs/security/attacks.md). Costs in proportion to the file are bounded by `component-size`.

mod described;
mod expansion;
mod function;
mod instance;
mod limits;
mod types;

use std::fmt;

use wasmparser::types::Types;
use wasmparser::{
    ElementItems, Encoding, FuncValidatorAllocations, OperatorsReaderAllocations, Parser, Payload,
    ValidPayload, Validator, WasmFeatures,
};

use crate::proposals::PROPOSALS;
use crate::refusal::malformed;
use crate::refusal::{Refusal, RefusalKind};
use described::Described;
use expansion::Expansion;
use instance::Module;
use limits::Shape;
pub use limits::{SHAPE_LIMITS, ShapeLimit};

type Result<T, E = Refusal> = std::result::Result<T, E>;

/// The findings of a scan of a valid component.
pub(crate) struct Scanned {
    pub(crate) types: Types,
    /// Bytes that the engine holds for one instance, its memories and tables apart; see [`instance`].
    pub(crate) instance_data: u64,
    /// The complexity that it needs.
    pub(crate) complexity: u64,
}

/// Validates `bytes` within the limits of shape at this complexity. `on_section` receives the sections of the outermost component.
pub(crate) fn scan<'a>(
    bytes: &'a [u8],
    complexity: u64,
    on_section: impl FnMut(&Payload<'a>) -> Result<()>,
) -> Result<Scanned> {
    scan_with(PROPOSALS, bytes, complexity, on_section)
}

/// The same with other proposals, for a component that is refused with any result.
pub(crate) fn scan_with<'a>(
    proposals: WasmFeatures,
    bytes: &'a [u8],
    complexity: u64,
    on_section: impl FnMut(&Payload<'a>) -> Result<()>,
) -> Result<Scanned> {
    within(&Shape::of(complexity), proposals, bytes, on_section)
}

fn within<'a>(
    shape: &Shape,
    proposals: WasmFeatures,
    bytes: &'a [u8],
    mut on_section: impl FnMut(&Payload<'a>) -> Result<()>,
) -> Result<Scanned> {
    let mut scan = Scan {
        shape,
        bytes,
        open: Vec::new(),
        totals: Totals::default(),
        instance_data: 0,
    };
    let mut validator = Validator::new_with_features(proposals);
    let mut allocations = (
        FuncValidatorAllocations::default(),
        OperatorsReaderAllocations::default(),
    );
    let mut parser = Parser::new(0);
    parser.set_features(proposals);
    let mut types = None;
    let mut described = Described::default();
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        // This check precedes the validator, which recurses and allocates as the file says.
        scan.section(&payload)?;
        match validator.payload(&payload).map_err(malformed)? {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(allocations.0);
                let reading = scan.function(&mut function, &body, allocations.1)?;
                allocations = (function.into_allocations(), reading);
            }
            ValidPayload::End(last) => types = Some(last),
            ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
        if let (Payload::ComponentCanonicalSection(section), Some(types)) =
            (&payload, validator.types(0))
        {
            let size = described.section(types, section)?;
            scan.described(size)?;
        }
        if scan.open.len() == 1 {
            on_section(&payload)?;
        }
    }
    let types = types.ok_or_else(|| {
        Refusal::new(
            RefusalKind::Malformed,
            "not a valid component: it is cut off",
        )
    })?;
    Ok(Scanned {
        types,
        instance_data: scan.instance_data,
        complexity: shape.complexity(),
    })
}

/// The counts of the whole file.
#[derive(Default)]
struct Totals {
    modules: u64,
    modules_and_components: u64,
    core_types: u64,
    signatures: u64,
    functions: u64,
    core_imports: u64,
    core_exports: u64,
    globals: u64,
    segments: u64,
    elements: u64,
    locals: u64,
    body_by_live: u64,
    values: u64,
    depths: u64,
    targets: u64,
    loops_by_locals: u64,
    edges_by_locals: u64,
    types: u64,
    cases: u64,
    imports: u64,
    exports: u64,
    remapped: u64,
    described: u64,
    /// The largest data of an instance, of all modules so far.
    largest_instance: u64,
    /// Whether functions go from one component to another.
    is_composition: bool,
}

/// One module or component that is open.
enum OpenScope {
    Module(Module),
    Component(Box<Expansion>),
}

struct Scan<'s> {
    shape: &'s Shape,
    bytes: &'s [u8],
    /// Outermost first.
    open: Vec<OpenScope>,
    totals: Totals,
    /// The data of the outermost component, once it has ended.
    instance_data: u64,
}

impl Scan<'_> {
    fn section(&mut self, payload: &Payload<'_>) -> Result<()> {
        let (shape, totals) = (self.shape, &mut self.totals);
        let counted = match payload {
            Payload::Version { .. } => Some((
                &shape.modules_and_components,
                &mut totals.modules_and_components,
                1,
            )),
            Payload::TypeSection(s) => Some((&shape.core_types, &mut totals.core_types, s.count())),
            Payload::ImportSection(s) => {
                Some((&shape.core_imports, &mut totals.core_imports, s.count()))
            }
            Payload::FunctionSection(s) => {
                Some((&shape.functions, &mut totals.functions, s.count()))
            }
            Payload::GlobalSection(s) => Some((&shape.globals, &mut totals.globals, s.count())),
            Payload::ExportSection(s) => {
                Some((&shape.core_exports, &mut totals.core_exports, s.count()))
            }
            Payload::ElementSection(s) => Some((&shape.segments, &mut totals.segments, s.count())),
            Payload::DataSection(s) => Some((&shape.segments, &mut totals.segments, s.count())),
            Payload::ComponentImportSection(s) => {
                Some((&shape.imports, &mut totals.imports, s.count()))
            }
            Payload::ComponentExportSection(s) => {
                Some((&shape.exports, &mut totals.exports, s.count()))
            }
            _ => None,
        };
        if let Some((limit, total, count)) = counted {
            limit.add(total, count.into(), Location::Whole)?;
        }
        if let Some(OpenScope::Module(module)) = self.open.last_mut() {
            module.section(payload);
        }
        match payload {
            Payload::Version { encoding, .. } => return self.begin(*encoding),
            Payload::End(_) => self.end(),
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    types::signatures(shape, totals, &group.map_err(malformed)?)?;
                }
            }
            Payload::ElementSection(section) => {
                for segment in section.clone() {
                    let count = match segment.map_err(malformed)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    let total = &mut totals.elements;
                    shape.elements.add(total, count.into(), Location::Whole)?;
                    if let Some(OpenScope::Module(module)) = self.open.last_mut() {
                        module.elements(count);
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import.map_err(malformed)?;
                    self.name(import.module)?;
                    self.name(import.name)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    self.name(export.map_err(malformed)?.name)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.name(import.map_err(malformed)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.name(export.map_err(malformed)?.name.name)?;
                }
            }
            Payload::CoreTypeSection(section) => {
                let count = section.count().into();
                shape.types.add(&mut totals.types, count, Location::Whole)?;
                for ty in section.clone() {
                    types::core(shape, totals, &ty.map_err(malformed)?)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                let range = section.range();
                let bytes = self.bytes.get(range.clone()).unwrap_or_default();
                types::types(shape, totals, bytes, range.start)?;
            }
            _ => {}
        }
        expansion::section(shape, &mut self.open, &mut self.totals, payload)
    }

    /// Counts the types of canonical functions of the innermost component, which are `size` in full.
    fn described(&mut self, size: u64) -> Result<()> {
        let (shape, totals) = (self.shape, &mut self.totals);
        shape
            .described
            .add(&mut totals.described, size, Location::Whole)?;
        match self.open.last_mut() {
            Some(OpenScope::Component(this)) => this.describe(shape, totals, size),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<()> {
        if self.open.is_empty() && encoding != Encoding::Component {
            return Err(Refusal::new(
                RefusalKind::NotAComponent,
                "a core WebAssembly module, not a component",
            ));
        }
        self.open.push(match encoding {
            Encoding::Component => OpenScope::Component(Box::default()),
            Encoding::Module => {
                self.totals.modules += 1;
                OpenScope::Module(Module::new(self.totals.modules - 1))
            }
        });
        let depth = self.open.len() as u64;
        self.shape.nesting.check(depth, Location::Whole)
    }

    fn end(&mut self) {
        let ended = self.open.pop();
        if let Some(OpenScope::Module(module)) = &ended {
            let largest = &mut self.totals.largest_instance;
            *largest = (*largest).max(module.instance_data());
        }
        match (ended, self.open.last_mut()) {
            (Some(OpenScope::Component(ended)), Some(OpenScope::Component(outer))) => {
                outer.define(ended.size());
            }
            (Some(OpenScope::Module(ended)), Some(OpenScope::Component(outer))) => {
                outer.define_module(ended.instance_data());
            }
            (Some(OpenScope::Component(outermost)), None) => {
                let size = outermost.size();
                let (largest, is_composition) =
                    (self.totals.largest_instance, self.totals.is_composition);
                self.instance_data = size.instance_data(largest, is_composition);
            }
            _ => {}
        }
    }

    fn name(&self, name: &str) -> Result<()> {
        self.shape
            .name
            .check(name.len() as u64, Location::Name(name))
    }
}

/// The place at which a limit was reached.
#[derive(Clone, Copy)]
enum Location<'a> {
    Whole,
    Function { module: u64, index: u32 },
    Name(&'a str),
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Whole => f.write_str("the component"),
            Location::Function { module, index } => {
                write!(f, "function {index} of core module {module}")
            }
            Location::Name(name) => write!(f, "the name `{}`", crate::escape::line(name)),
        }
    }
}

#[cfg(test)]
mod tests;
