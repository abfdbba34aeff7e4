//! Values held against types, before a call: a value that does not fit is the caller's mistake, not the guest's.

use std::fmt;

use super::Value;
use super::types::{Field, Function, Type};
use crate::escape;

/// The place where a value does not fit its type, and both. The parts contain names of the component: escape them before
/// showing them, as `Display` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The way from the parameter to the value, such as `target.os` or `names[3]`.
    pub place: String,
    /// The type or the values that fit, in the words of WIT.
    pub expected: String,
    /// The value that was found.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch {
            place,
            expected,
            found,
        } = self;
        let [place, found, expected] = [place, found, expected].map(|part| escape::line(part));
        write!(f, "`{place}`: it is {found}; pass {expected}")
    }
}

impl std::error::Error for Mismatch {}

impl Function {
    /// Whether the function can be called with these arguments.
    ///
    /// # Errors
    ///
    /// The first that does not fit: too few or too many, another type, a name that its type does not have.
    pub fn check(&self, arguments: &[Value]) -> Result<(), Mismatch> {
        if self.params.len() != arguments.len() {
            return Err(Mismatch {
                place: self.name.as_ref().to_owned(),
                expected: counted(self.params.len(), "argument"),
                found: format!("called with {}", arguments.len()),
            });
        }
        for (Field { name, ty }, value) in self.params.iter().zip(arguments) {
            ty.check(value).map_err(|mismatch| mismatch.within(name))?;
        }
        Ok(())
    }
}

impl Type {
    /// Whether `value` is of this type.
    ///
    /// # Errors
    ///
    /// The first place in it that is not.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        match (self, value) {
            (Type::Bool, Value::Bool(_))
            | (Type::S8, Value::S8(_))
            | (Type::U8, Value::U8(_))
            | (Type::S16, Value::S16(_))
            | (Type::U16, Value::U16(_))
            | (Type::S32, Value::S32(_))
            | (Type::U32, Value::U32(_))
            | (Type::S64, Value::S64(_))
            | (Type::U64, Value::U64(_))
            | (Type::F32, Value::F32(_))
            | (Type::F64, Value::F64(_))
            | (Type::Char, Value::Char(_))
            | (Type::String, Value::String(_))
            | (Type::Option(_), Value::Option(None)) => Ok(()),
            (Type::List(of), Value::List(values)) => {
                for (at, value) in values.iter().enumerate() {
                    of.check(value)
                        .map_err(|it| it.within(&format!("[{at}]")))?;
                }
                Ok(())
            }
            (Type::Tuple(types), Value::Tuple(values)) if types.len() == values.len() => {
                for (at, (ty, value)) in types.iter().zip(values).enumerate() {
                    ty.check(value).map_err(|it| it.within(&at.to_string()))?;
                }
                Ok(())
            }
            (Type::Record(fields), Value::Record(values)) => record(fields, values),
            (Type::Option(of), Value::Option(Some(value))) => {
                of.check(value).map_err(|it| it.within("some"))
            }
            (Type::Enum(names), Value::Enum(name)) => known(names, name, "case"),
            (Type::Flags(names), Value::Flags(set)) => {
                set.iter().try_for_each(|name| known(names, name, "flag"))
            }
            (Type::Variant(cases), Value::Variant(name, value)) => {
                let Some(case) = cases.iter().find(|case| case.name == *name) else {
                    let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
                    return known(&names, name, "case");
                };
                payload(case.ty.as_ref(), value.as_deref()).map_err(|it| it.within(name))
            }
            (Type::Result(ok, _), Value::Result(Ok(value))) => {
                payload(ok.as_deref(), value.as_deref()).map_err(|it| it.within("ok"))
            }
            (Type::Result(_, err), Value::Result(Err(value))) => {
                payload(err.as_deref(), value.as_deref()).map_err(|it| it.within("err"))
            }
            (Type::Tuple(types), Value::Tuple(values)) => Err(Mismatch::here(
                counted(types.len(), "element"),
                format!("a tuple of {}", values.len()),
            )),
            (ty, value) => Err(Mismatch::here(
                ty.to_string(),
                format!("of type {}", value.kind()),
            )),
        }
    }
}

/// The engine takes the fields of a record in the order of the type, each once.
fn record(fields: &[Field], values: &[(String, Value)]) -> Result<(), Mismatch> {
    for (at, Field { name, ty }) in fields.iter().enumerate() {
        match values.get(at) {
            Some((found, value)) if found == name => {
                ty.check(value).map_err(|it| it.within(name))?;
            }
            Some((found, _)) => {
                return Err(Mismatch::here(
                    format!("field `{name}`, the {}. of its type", at.saturating_add(1)),
                    format!("field `{found}`"),
                ));
            }
            None => {
                let found = format!("without field `{name}`");
                return Err(Mismatch::here(format!("`{name}: {ty}` as well"), found));
            }
        }
    }
    match values.get(fields.len()) {
        None => Ok(()),
        Some((extra, _)) => Err(Mismatch::here(
            counted(fields.len(), "field"),
            format!("with a field `{extra}` that its type does not have"),
        )),
    }
}

fn payload(ty: Option<&Type>, value: Option<&Value>) -> Result<(), Mismatch> {
    match (ty, value) {
        (None, None) => Ok(()),
        (Some(ty), Some(value)) => ty.check(value),
        (Some(ty), None) => Err(Mismatch::here(ty.to_string(), "without a value".to_owned())),
        (None, Some(_)) => Err(Mismatch::here(
            "no value".to_owned(),
            "with a value".to_owned(),
        )),
    }
}

pub(super) fn known(names: &[String], name: &str, what: &str) -> Result<(), Mismatch> {
    match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(unknown(names, name, what)),
    }
}

/// `name` is none of these names.
pub(super) fn unknown(names: &[String], name: &str, what: &str) -> Mismatch {
    let expected = format!("one of {}", names.join(", "));
    Mismatch::here(expected, format!("the {what} `{name}`"))
}

pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

impl Mismatch {
    pub(super) fn here(expected: String, found: String) -> Mismatch {
        Mismatch {
            place: String::new(),
            expected,
            found,
        }
    }

    /// The same, seen from one step further out.
    pub(super) fn within(mut self, step: &str) -> Mismatch {
        let joint = match self.place.as_bytes().first() {
            None | Some(b'[') => "",
            Some(_) => ".",
        };
        self.place = format!("{step}{joint}{}", self.place);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::Case;
    use super::*;

    fn field(name: &str, ty: Type) -> Field {
        Field {
            name: name.to_owned(),
            ty,
        }
    }

    fn boxed<T>(value: T) -> Option<Box<T>> {
        Some(Box::new(value))
    }

    fn target() -> Type {
        Type::Record(vec![
            field("os", Type::Enum(vec!["linux".into(), "macos".into()])),
            field("tags", Type::List(Box::new(Type::String))),
        ])
    }

    fn linux(tags: Vec<Value>) -> Value {
        Value::Record(vec![
            ("os".into(), Value::Enum("linux".into())),
            ("tags".into(), Value::List(tags)),
        ])
    }

    #[test]
    fn every_type_takes_its_own_values() {
        let case = |name: &str, ty| Case {
            name: name.to_owned(),
            ty,
        };
        let variant = Type::Variant(vec![case("a", None), case("b", Some(Type::U8))]);
        for (ty, value) in [
            (Type::Bool, Value::from(true)),
            (Type::S8, Value::from(-1_i8)),
            (Type::U8, Value::from(1_u8)),
            (Type::S16, Value::from(-1_i16)),
            (Type::U16, Value::from(1_u16)),
            (Type::S32, Value::from(-1_i32)),
            (Type::U32, Value::from(1_u32)),
            (Type::S64, Value::from(-1_i64)),
            (Type::U64, Value::from(1_u64)),
            (Type::F32, Value::from(f32::NAN)),
            (Type::F64, Value::from(0.5_f64)),
            (Type::Char, Value::from('x')),
            (Type::String, Value::from("x")),
            (Type::List(Box::new(Type::U8)), Value::from(&b"xy"[..])),
            (target(), linux(vec!["a".into()])),
            (
                Type::Tuple(vec![Type::U8, Type::Bool]),
                Value::Tuple(vec![1_u8.into(), true.into()]),
            ),
            (variant.clone(), Value::Variant("a".into(), None)),
            (variant, Value::Variant("b".into(), boxed(1_u8.into()))),
            (Type::Option(Box::new(Type::U8)), Value::Option(None)),
            (
                Type::Option(Box::new(Type::U8)),
                Value::Option(boxed(1_u8.into())),
            ),
            (Type::Result(None, boxed(Type::U8)), Value::Result(Ok(None))),
            (
                Type::Result(None, boxed(Type::U8)),
                Value::Result(Err(boxed(1_u8.into()))),
            ),
            (
                Type::Flags(vec!["a".into(), "b".into()]),
                Value::Flags(vec!["b".into()]),
            ),
        ] {
            assert_eq!(ty.check(&value), Ok(()), "{ty}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_its_place_and_what_would() {
        let function = Function::new(
            None,
            "f".into(),
            vec![
                field("target", target()),
                field("pair", Type::Tuple(vec![Type::U8, Type::U8])),
            ],
            None,
        );
        let pair = || Value::Tuple(vec![1_u8.into(), 2_u8.into()]);
        for (arguments, told) in [
            (vec![], "`f`: it is called with 0; pass 2 arguments"),
            (
                vec![linux(vec!["a".into(), 7_u8.into()]), pair()],
                "`target.tags[1]`: it is of type u8; pass string",
            ),
            (
                vec![
                    Value::Record(vec![("os".into(), Value::Enum("plan9".into()))]),
                    pair(),
                ],
                "`target.os`: it is the case `plan9`; pass one of linux, macos",
            ),
            (
                vec![
                    Value::Record(vec![("os".into(), Value::Enum("linux".into()))]),
                    pair(),
                ],
                "`target`: it is without field `tags`; pass `tags: list<string>` as well",
            ),
            (
                vec![
                    Value::Record(vec![("tags".into(), Value::List(vec![]))]),
                    pair(),
                ],
                "`target`: it is field `tags`; pass field `os`, the 1. of its type",
            ),
            (
                vec![linux(vec![]), Value::Tuple(vec![1_u8.into()])],
                "`pair`: it is a tuple of 1; pass 2 elements",
            ),
            (
                vec![linux(vec![]), Value::Tuple(vec![1_u8.into(), 2_u16.into()])],
                "`pair.1`: it is of type u16; pass u8",
            ),
        ] {
            let mismatch = function.check(&arguments).unwrap_err();
            assert_eq!(mismatch.to_string(), told);
        }
        let mut extra = linux(vec![]);
        if let Value::Record(fields) = &mut extra {
            fields.push(("z".into(), Value::Bool(true)));
        }
        let told = target().check(&extra).unwrap_err().to_string();
        assert_eq!(
            told,
            "``: it is with a field `z` that its type does not have; pass 2 fields"
        );
    }

    #[test]
    fn what_a_case_holds_is_checked() {
        let variant = Type::Variant(vec![
            Case {
                name: "a".into(),
                ty: None,
            },
            Case {
                name: "b".into(),
                ty: Some(Type::U8),
            },
        ]);
        let result = Type::Result(boxed(Type::U8), None);
        let option = Type::Option(Box::new(Type::U8));
        let flags = Type::Flags(vec!["a".into()]);
        for (ty, value) in [
            (&variant, Value::Variant("a".into(), boxed(1_u8.into()))),
            (&variant, Value::Variant("b".into(), None)),
            (&variant, Value::Variant("b".into(), boxed(true.into()))),
            (&variant, Value::Variant("c".into(), None)),
            (&result, Value::Result(Ok(None))),
            (&result, Value::Result(Ok(boxed(true.into())))),
            (&result, Value::Result(Err(boxed(1_u8.into())))),
            (&option, Value::Option(boxed(true.into()))),
            (&flags, Value::Flags(vec!["a".into(), "z".into()])),
            (&flags, Value::Enum("a".into())),
            (&Type::Opaque("a resource"), Value::U32(1)),
        ] {
            assert!(ty.check(&value).is_err(), "{ty}: {value:?}");
        }
    }
}
