//! The values that a component's functions take and give, and their types, as data of our own: notations such as WAVE
//! and JSON are encoders over them, and no engine's types are in their way.

mod check;
pub mod json;
mod types;

pub use check::Mismatch;
pub use types::{Case, Field, Function, Type};

/// A value of one of the component model's types.
///
/// Resources have no value here: a handle means something only inside of the store that made it. Values nest as deep as
/// they are built, and are dropped by recursion: a program that builds them from the text of strangers bounds the depth.
/// Types nest 100 deep at most, so a value that fits one does too.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `s8`
    S8(i8),
    /// `u8`
    U8(u8),
    /// `s16`
    S16(i16),
    /// `u16`
    U16(u16),
    /// `s32`
    S32(i32),
    /// `u32`
    U32(u32),
    /// `s64`
    S64(i64),
    /// `u64`
    U64(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<T>`
    List(Vec<Value>),
    /// A record: each field by its name, in the order of the type.
    Record(Vec<(String, Value)>),
    /// `tuple<T, …>`
    Tuple(Vec<Value>),
    /// A variant: the name of its case, and the value in it.
    Variant(String, Option<Box<Value>>),
    /// An enumeration: the name of its case.
    Enum(String),
    /// `option<T>`
    Option(Option<Box<Value>>),
    /// `result<T, E>`
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// Flags: the names of those that are set.
    Flags(Vec<String>),
}

impl Value {
    /// The name of its kind of type, such as `u32` or `record`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::S8(_) => "s8",
            Value::U8(_) => "u8",
            Value::S16(_) => "s16",
            Value::U16(_) => "u16",
            Value::S32(_) => "s32",
            Value::U32(_) => "u32",
            Value::S64(_) => "s64",
            Value::U64(_) => "u64",
            Value::F32(_) => "f32",
            Value::F64(_) => "f64",
            Value::Char(_) => "char",
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Record(_) => "record",
            Value::Tuple(_) => "tuple",
            Value::Variant(..) => "variant",
            Value::Enum(_) => "enum",
            Value::Option(_) => "option",
            Value::Result(_) => "result",
            Value::Flags(_) => "flags",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

/// `list<u8>`.
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        Value::List(bytes.iter().copied().map(Value::U8).collect())
    }
}

macro_rules! from {
    ($($rust:ty => $case:ident),* $(,)?) => {
        $(impl From<$rust> for Value {
            fn from(value: $rust) -> Value {
                Value::$case(value)
            }
        })*
    };
}

from! {
    bool => Bool, i8 => S8, u8 => U8, i16 => S16, u16 => U16, i32 => S32, u32 => U32, i64 => S64, u64 => U64,
    f32 => F32, f64 => F64, char => Char,
}
