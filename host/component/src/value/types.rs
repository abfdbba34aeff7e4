//! Types of the component model, and the functions that have them.

use std::fmt;
use std::sync::Arc;

/// A function that a component exports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Function {
    /// The interface that it is in, if any, with its version.
    pub interface: Option<Arc<str>>,
    /// Its own name, such as `resolve`.
    pub name: Arc<str>,
    /// Its parameters, in order.
    pub params: Vec<Field>,
    /// The type of its result, if it has one.
    pub result: Option<Type>,
}

impl Function {
    /// A function; `interface` is the one that it is in, if any.
    pub fn new(
        interface: Option<Arc<str>>,
        name: Arc<str>,
        params: Vec<Field>,
        result: Option<Type>,
    ) -> Function {
        Function {
            interface,
            name,
            params,
            result,
        }
    }

    /// `ns:pkg/iface@1.2.3.f`, or `f` for one that is in no interface. No two functions of a component share it.
    pub fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}.{}", self.name),
            None => self.name.as_ref().to_owned(),
        }
    }
}

/// A field of a record or a parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The type of the value in it, if it holds one.
    pub ty: Option<Type>,
}

/// A type of the component model. Names of types are not part of it: two records of the same fields are one type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Box<Type>),
    /// `record`
    Record(Vec<Field>),
    /// `tuple<T, …>`
    Tuple(Vec<Type>),
    /// `variant`
    Variant(Vec<Case>),
    /// `enum`: the names of its cases.
    Enum(Vec<String>),
    /// `option<T>`
    Option(Box<Type>),
    /// `result<T, E>`
    Result(Option<Box<Type>>, Option<Box<Type>>),
    /// `flags`: their names.
    Flags(Vec<String>),
    /// A type that no [`Value`](super::Value) has, by its kind: a resource, or a type too large to be described.
    Opaque(&'static str),
}

impl Type {
    /// The first type within this one that no [`Value`](super::Value) has.
    pub fn opaque(&self) -> Option<&'static str> {
        match self {
            Type::Opaque(what) => Some(what),
            Type::List(of) | Type::Option(of) => of.opaque(),
            Type::Record(fields) => fields.iter().find_map(|field| field.ty.opaque()),
            Type::Tuple(types) => types.iter().find_map(Type::opaque),
            Type::Variant(cases) => cases.iter().find_map(|case| case.ty.as_ref()?.opaque()),
            Type::Result(ok, err) => [ok, err].into_iter().flatten().find_map(|of| of.opaque()),
            _ => None,
        }
    }
}

/// As in WIT. Names are those of the component: escape them before a person sees them.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Type::Bool => "bool",
            Type::S8 => "s8",
            Type::U8 => "u8",
            Type::S16 => "s16",
            Type::U16 => "u16",
            Type::S32 => "s32",
            Type::U32 => "u32",
            Type::S64 => "s64",
            Type::U64 => "u64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::List(of) => return write!(f, "list<{of}>"),
            Type::Option(of) => return write!(f, "option<{of}>"),
            Type::Tuple(types) => {
                f.write_str("tuple<")?;
                list(f, types)?;
                return f.write_str(">");
            }
            Type::Record(fields) => {
                f.write_str("record { ")?;
                list(f, fields)?;
                return f.write_str(" }");
            }
            Type::Variant(cases) => {
                f.write_str("variant { ")?;
                list(f, cases)?;
                return f.write_str(" }");
            }
            Type::Enum(names) => return write!(f, "enum {{ {} }}", names.join(", ")),
            Type::Flags(names) => return write!(f, "flags {{ {} }}", names.join(", ")),
            Type::Result(None, None) => "result",
            Type::Result(Some(ok), None) => return write!(f, "result<{ok}>"),
            Type::Result(None, Some(err)) => return write!(f, "result<_, {err}>"),
            Type::Result(Some(ok), Some(err)) => return write!(f, "result<{ok}, {err}>"),
            Type::Opaque(what) => what,
        };
        f.write_str(text)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.ty {
            Some(ty) => write!(f, "({ty})"),
            None => Ok(()),
        }
    }
}

/// As in WIT: `resolve: func(range: string) -> result<string>`.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: func(", self.name)?;
        list(f, &self.params)?;
        f.write_str(")")?;
        match &self.result {
            Some(result) => write!(f, " -> {result}"),
            None => Ok(()),
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_in_wit() {
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            ty,
        };
        let list = || Type::List(Box::new(Type::U8));
        let record = Type::Record(vec![
            field("a", Type::Option(Box::new(list()))),
            field("b", Type::Char),
        ]);
        let case = |name: &str, ty| Case {
            name: name.to_owned(),
            ty,
        };
        let variant = Type::Variant(vec![
            case("none", None),
            case("some", Some(Type::Tuple(vec![Type::S8, Type::F64]))),
        ]);
        let result = Type::Result(Some(Box::new(record)), Some(Box::new(variant)));
        let function = Function::new(
            Some("a:b/c@1.0.0".into()),
            "f".into(),
            vec![
                field("x", Type::Enum(vec!["p".into(), "q".into()])),
                field("y", Type::Flags(vec!["r".into()])),
            ],
            Some(result),
        );
        assert_eq!(
            function.to_string(),
            "f: func(x: enum { p, q }, y: flags { r }) -> \
             result<record { a: option<list<u8>>, b: char }, variant { none, some(tuple<s8, f64>) }>"
        );
        assert_eq!(function.full_name(), "a:b/c@1.0.0.f");
        assert_eq!(
            Type::Result(None, Some(Box::new(Type::Bool))).to_string(),
            "result<_, bool>"
        );
    }

    #[test]
    fn a_resource_is_found_wherever_it_is() {
        let resource = || Type::Opaque("a resource");
        let boxed = || Some(Box::new(resource()));
        let field = || Field {
            name: "a".into(),
            ty: resource(),
        };
        let case = || Case {
            name: "a".into(),
            ty: Some(resource()),
        };
        for ty in [
            resource(),
            Type::List(Box::new(resource())),
            Type::Option(Box::new(resource())),
            Type::Tuple(vec![Type::Bool, resource()]),
            Type::Record(vec![field()]),
            Type::Variant(vec![
                Case {
                    name: "n".into(),
                    ty: None,
                },
                case(),
            ]),
            Type::Result(boxed(), None),
            Type::Result(None, boxed()),
        ] {
            assert_eq!(ty.opaque(), Some("a resource"), "{ty}");
        }
        assert_eq!(
            Type::Result(Some(Box::new(Type::Bool)), None).opaque(),
            None
        );
    }
}
