//! Calls with values of the library's own types, made of bytes: some fit, and some are bent so that they do not.

use std::sync::OnceLock;

use tollgate::blocking::Provider;
use tollgate::value::{Type, Value};
use tollgate::{Outcome, Source};

use crate::call::ended;
use crate::component::{policy, runtime};
use crate::text::plain;

/// The number of functions that are called.
const FUNCTIONS: usize = 6;

/// The depth of values, for types of any depth.
const DEPTH: usize = 20;

/// The component that takes a value of every type and gives it back.
pub(crate) fn types() -> &'static Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let bytes = wat::parse_str(include_str!("types.wat"));
        let bytes = bytes.unwrap_or_else(|error| panic!("{error}"));
        runtime()
            .1
            .load(&Source::bytes("types", bytes), policy())
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Values that fit come back as they are; others are refused before anything runs.
pub(crate) fn invoke(bytes: &[u8]) -> &'static str {
    let mut bits = Bits(bytes.iter().copied().cycle());
    let functions: Vec<_> = types().as_async().functions().collect();
    let Some(function) = functions.get(bits.below(functions.len())) else {
        panic!("no function");
    };
    let fields = function.params.iter();
    let values: Option<Vec<Value>> = fields.map(|field| bits.value(&field.ty, DEPTH)).collect();
    let mut values = values.unwrap_or_else(|| panic!("no resource is in {function}"));
    let bent = bits.next() & 3 == 0;
    if bent {
        let at = bits.below(values.len());
        if let Some(value) = values.get_mut(at) {
            bits.bend(value);
        }
    }
    let fits = function.check(&values).is_ok();
    assert!(fits || bent, "{function} does not take {values:?}");
    let report = types().session().invoke(&function.full_name(), &values);
    let label = ended(&report);
    assert_eq!(fits, label != "arguments", "{function}: {values:?}");
    if let Ok(report) = report
        && let Outcome::Returned(Some(value)) = report.outcome
        && &*function.name == "all"
        && !bent
    {
        // The texts are compared, since no NaN is equal to itself. A flag that is set twice fits, and comes back once.
        assert_eq!(format!("{:?}", [value]), format!("{values:?}"));
    }
    label
}

/// Calls the functions that a component says it exports; one with types that no value has is refused.
pub(crate) fn everything(provider: &Provider, bytes: &[u8]) {
    let mut bits = Bits(bytes.iter().copied().cycle());
    let mut session = provider.session();
    for function in provider.as_async().functions().take(FUNCTIONS) {
        plain(&function.to_string());
        let fields = function.params.iter();
        let values: Option<Vec<Value>> = fields.map(|field| bits.value(&field.ty, DEPTH)).collect();
        let callable = values.is_some();
        let report = session.invoke(&function.full_name(), &values.unwrap_or_default());
        let label = ended(&report);
        assert!(callable || label == "arguments", "{function}: {label}");
        if matches!(report, Ok(ref report) if report.outcome.fault().is_some()) {
            session = provider.session();
        }
    }
}

/// Values made of bytes.
struct Bits<I>(I);

impl<I: Iterator<Item = u8>> Bits<I> {
    fn next(&mut self) -> u64 {
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
        self.next() as usize % end.max(1)
    }

    fn character(&mut self) -> char {
        char::from_u32(self.next() as u32 % 0x11_0000).unwrap_or('\u{fffd}')
    }

    /// A value of a type; none of a type that has none.
    fn value(&mut self, ty: &Type, depth: usize) -> Option<Value> {
        let shallow = depth == 0;
        let depth = depth.saturating_sub(1);
        Some(match ty {
            Type::Bool => Value::Bool(self.next() & 4 == 0),
            Type::S8 => Value::S8(self.next() as i8),
            Type::U8 => Value::U8(self.next() as u8),
            Type::S16 => Value::S16(self.next() as i16),
            Type::U16 => Value::U16(self.next() as u16),
            Type::S32 => Value::S32(self.next() as i32),
            Type::U32 => Value::U32(self.next() as u32),
            Type::S64 => Value::S64(self.next() as i64),
            Type::U64 => Value::U64(self.next()),
            Type::F32 => Value::F32(f32::from_bits(self.next() as u32)),
            Type::F64 => Value::F64(f64::from_bits(self.next())),
            Type::Char => Value::Char(self.character()),
            Type::String => {
                let length = self.below(40);
                Value::String((0..length).map(|_| self.character()).collect())
            }
            Type::List(of) => {
                // A type that no value has is in a list of none as well.
                let first = self.value(of, depth)?;
                let length = if shallow { 0 } else { self.below(5) };
                let more = (1..length).map(|_| self.value(of, depth));
                let values: Option<Vec<Value>> = [Some(first)].into_iter().chain(more).collect();
                let mut values = values?;
                values.truncate(length);
                Value::List(values)
            }
            Type::Record(fields) => {
                let values = fields.iter().map(|field| {
                    let value = self.value(&field.ty, depth)?;
                    Some((field.name.clone(), value))
                });
                Value::Record(values.collect::<Option<_>>()?)
            }
            Type::Tuple(types) => {
                let values = types.iter().map(|ty| self.value(ty, depth));
                Value::Tuple(values.collect::<Option<_>>()?)
            }
            Type::Variant(cases) => {
                let values: Option<Vec<_>> = cases
                    .iter()
                    .map(|case| self.maybe(case.ty.as_ref(), depth))
                    .collect();
                let at = self.below(cases.len());
                Value::Variant(cases.get(at)?.name.clone(), values?.swap_remove(at))
            }
            Type::Enum(names) => Value::Enum(names.get(self.below(names.len()))?.clone()),
            Type::Option(of) => {
                let value = self.value(of, depth)?;
                let some = !shallow && self.next() & 4 == 0;
                Value::Option(some.then(|| Box::new(value)))
            }
            Type::Result(ok, err) => {
                let (ok, err) = (
                    self.maybe(ok.as_deref(), depth)?,
                    self.maybe(err.as_deref(), depth)?,
                );
                Value::Result(if self.next() & 4 == 0 {
                    Ok(ok)
                } else {
                    Err(err)
                })
            }
            Type::Flags(names) => {
                let chosen = names.iter().filter(|_| self.next() & 4 == 0);
                Value::Flags(chosen.cloned().collect())
            }
            _ => return None,
        })
    }

    /// The value in a case; the outer `None` is of a type that has none.
    fn maybe(&mut self, ty: Option<&Type>, depth: usize) -> Option<Option<Box<Value>>> {
        match ty {
            None => Some(None),
            Some(ty) => self.value(ty, depth).map(|value| Some(Box::new(value))),
        }
    }

    /// Changes a value in one place, so that it seldom fits.
    fn bend(&mut self, value: &mut Value) {
        match value {
            Value::Record(fields) if self.next() & 4 == 0 => {
                let at = self.below(fields.len());
                match (self.below(3), fields.get_mut(at)) {
                    (0, Some(_)) => drop(fields.remove(at)),
                    (1, Some((name, _))) => name.push('x'),
                    (_, Some((_, value))) => self.bend(value),
                    (_, None) => fields.push(("x".to_owned(), Value::Bool(true))),
                }
            }
            Value::List(values) | Value::Tuple(values) => {
                let at = self.below(values.len());
                match (self.below(2), values.get_mut(at)) {
                    (1, Some(value)) => self.bend(value),
                    _ => values.push(Value::Bool(true)),
                }
            }
            Value::Option(Some(value)) => self.bend(value),
            Value::Variant(name, _) | Value::Enum(name) => name.push('x'),
            Value::Flags(names) => names.extend(names.first().cloned()),
            other => {
                *other = match self.below(4) {
                    0 => Value::Enum("none".to_owned()),
                    1 => Value::Flags(vec!["a".to_owned(), "a".to_owned()]),
                    2 => Value::Result(Err(None)),
                    _ => Value::Variant(String::new(), Some(Box::new(Value::U8(0)))),
                }
            }
        }
    }
}
