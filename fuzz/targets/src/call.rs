//! Calls, and their allowed ends: a result, the guest's own error, a fault.

use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use tollgate::report::{ErrorReport, ExitCode};
use tollgate::{CallError, Guest, Outcome, Report};
use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{Component, Val};

use crate::text::plain;
use crate::values;

/// The number of exports that are called.
const FUNCTIONS: usize = 6;

/// A function by its name with its interface, and the types of its parameters.
type Function = (String, Vec<Type>);

/// Calls every export, `run` and the command, with arguments made of the bytes.
pub(crate) fn everything(provider: &Provider, bytes: &[u8]) -> &'static str {
    let found = provider
        .session()
        .call(async |guest: &mut Guest<'_>| Ok(Ok::<_, ExitCode>(functions(guest))));
    // The label tells the last step that was reached. Components that only instantiate are rare.
    let mut label = ended(&found);
    let functions = found.ok().and_then(|report| report.outcome.returned());
    let mut arguments = Arguments(bytes.iter().copied().cycle());
    let mut session = provider.session();
    for (name, types) in functions.unwrap_or_default() {
        let Some(values) = types.iter().map(|ty| arguments.value(ty)).collect() else {
            continue;
        };
        let Some(values) = wave_of(values) else {
            continue;
        };
        let report = session.wave(&format!("{name}({values})"));
        label = ended(&report);
        if matches!(report, Ok(ref report) if report.outcome.fault().is_some()) {
            session = provider.session();
        }
    }
    values::everything(provider, bytes);
    let head = bytes.get(..64).unwrap_or(bytes);
    if provider.as_async().is_command() {
        let input = CommandInput {
            args: vec!["two".to_owned()],
            stdin: head.to_vec().into(),
        };
        label = ended(&provider.session().command(input));
    }
    match provider.session().run(head) {
        Err(CallError::Refused(_)) => {}
        report => label = ended(&report),
    }
    label
}

/// An expression is refused, or calls. Its result is a valid argument, and the call with that gives it back again.
pub(crate) fn wave(expression: &str) -> &'static str {
    let provider = values::types();
    let report = provider.session().wave(expression);
    let label = ended(&report);
    if let Ok(Report {
        outcome: Outcome::Returned(text),
        ..
    }) = report
        && expression.trim_start().starts_with("all(")
    {
        let again = provider.session().wave(&format!("all({text})"));
        let again = again.unwrap_or_else(|error| panic!("{text} does not read: {error}"));
        assert_eq!(again.outcome, Outcome::Returned(text));
    }
    label
}

/// The label of the end of a call, which is one of the allowed ends.
pub(crate) fn ended<T, E: ErrorReport>(report: &Result<Report<T, E>, CallError>) -> &'static str {
    match report {
        Ok(report) => {
            let (usage, limits) = (&report.usage, &report.limits);
            assert!(usage.memory_peak <= limits.memory, "{usage:?}");
            assert!(usage.table_peak <= limits.table_elements, "{usage:?}");
            assert!(usage.log_bytes <= limits.log, "{usage:?}");
            assert!(usage.fuel <= limits.fuel, "{usage:?}");
            match &report.outcome {
                Outcome::Returned(_) => "returned",
                Outcome::Failed(_) => "failed",
                Outcome::Faulted(fault) => {
                    plain(&fault.to_string());
                    fault.label()
                }
            }
        }
        Err(CallError::Refused(_)) => "refused",
        Err(CallError::Arguments(_)) => "arguments",
        Err(other) => match other {
            CallError::Host(error) => panic!("host error: {}", error.detail()),
            other => panic!("{other}"),
        },
    }
}

fn functions(guest: &Guest<'_>) -> Vec<Function> {
    let pre = guest.instance.instance_pre(&*guest.store);
    let component: &Component = pre.component();
    let engine = component.engine();
    let mut functions = Vec::new();
    for (name, export) in component.component_type().exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(ty) => {
                functions.push((name.to_owned(), ty.params().map(|(_, ty)| ty).collect()));
            }
            ComponentItem::ComponentInstance(instance) => {
                for (item, export) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = export.ty {
                        let types = ty.params().map(|(_, ty)| ty).collect();
                        functions.push((format!("{name}.{item}"), types));
                    }
                }
            }
            _ => {}
        }
    }
    functions.truncate(FUNCTIONS);
    functions
}

fn wave_of(values: Vec<Val>) -> Option<String> {
    let texts: Result<Vec<String>, _> = values.iter().map(Val::to_wave).collect();
    Some(texts.ok()?.join(", "))
}

/// Values made of bytes.
struct Arguments<I>(I);

impl<I: Iterator<Item = u8>> Arguments<I> {
    fn bits(&mut self) -> u64 {
        let bits = self.0.by_ref().take(8);
        let bits = bits.fold(0, |bits, byte| bits << 8 | u64::from(byte));
        // Most numbers that matter are small.
        match bits & 3 {
            0 => bits,
            1 => bits >> 32,
            _ => bits >> 58,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.bits() as usize % end.max(1)
    }

    /// A value of a type; none of resources, which only the guest can make.
    fn value(&mut self, ty: &Type) -> Option<Val> {
        Some(match ty {
            Type::Bool => Val::Bool(self.bits() & 4 == 0),
            Type::S8 => Val::S8(self.bits() as i8),
            Type::U8 => Val::U8(self.bits() as u8),
            Type::S16 => Val::S16(self.bits() as i16),
            Type::U16 => Val::U16(self.bits() as u16),
            Type::S32 => Val::S32(self.bits() as i32),
            Type::U32 => Val::U32(self.bits() as u32),
            Type::S64 => Val::S64(self.bits() as i64),
            Type::U64 => Val::U64(self.bits()),
            Type::Float32 => Val::Float32(f32::from_bits(self.bits() as u32)),
            Type::Float64 => Val::Float64(f64::from_bits(self.bits())),
            Type::Char => Val::Char(self.character()),
            Type::String => {
                let length = self.below(40);
                Val::String((0..length).map(|_| self.character()).collect())
            }
            Type::List(list) => {
                let length = self.below(5);
                let values: Option<_> = (0..length).map(|_| self.value(&list.ty())).collect();
                Val::List(values?)
            }
            Type::Record(record) => {
                let fields = record.fields();
                let values: Option<_> = fields
                    .map(|field| Some((field.name.to_owned(), self.value(&field.ty)?)))
                    .collect();
                Val::Record(values?)
            }
            Type::Tuple(tuple) => {
                let values: Option<_> = tuple.types().map(|ty| self.value(&ty)).collect();
                Val::Tuple(values?)
            }
            Type::Variant(variant) => {
                let case = variant.cases().nth(self.below(variant.cases().len()))?;
                let value = match &case.ty {
                    Some(ty) => Some(Box::new(self.value(ty)?)),
                    None => None,
                };
                Val::Variant(case.name.to_owned(), value)
            }
            Type::Enum(cases) => {
                let case = cases.names().nth(self.below(cases.names().len()))?;
                Val::Enum(case.to_owned())
            }
            Type::Option(option) => Val::Option(match self.bits() & 4 {
                0 => None,
                _ => Some(Box::new(self.value(&option.ty())?)),
            }),
            Type::Result(result) => {
                let ok = self.bits() & 4 == 0;
                let ty = if ok { result.ok() } else { result.err() };
                let value = match ty {
                    Some(ty) => Some(Box::new(self.value(&ty)?)),
                    None => None,
                };
                Val::Result(if ok { Ok(value) } else { Err(value) })
            }
            Type::Flags(flags) => {
                let chosen = flags.names().filter(|_| self.bits() & 4 == 0);
                Val::Flags(chosen.map(str::to_owned).collect())
            }
            _ => return None,
        })
    }

    fn character(&mut self) -> char {
        char::from_u32(self.bits() as u32 % 0x11_0000).unwrap_or('\u{fffd}')
    }
}
