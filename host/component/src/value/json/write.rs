//! Values written as JSON.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::super::Value;

/// A value that is serialized as JSON. [`read`](super::read) gives it back under the same type, with two exceptions: a NaN
/// has no sign and no payload, and an empty `list<u8>` has no notation of its own.
///
/// Its text is that of the guest: `escape::json` makes it safe to show.
#[derive(Clone, Copy, Debug)]
pub struct Json<'v>(pub &'v Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(it) => to.serialize_bool(*it),
            Value::S8(it) => to.serialize_i8(*it),
            Value::U8(it) => to.serialize_u8(*it),
            Value::S16(it) => to.serialize_i16(*it),
            Value::U16(it) => to.serialize_u16(*it),
            Value::S32(it) => to.serialize_i32(*it),
            Value::U32(it) => to.serialize_u32(*it),
            Value::S64(it) => to.serialize_i64(*it),
            Value::U64(it) => to.serialize_u64(*it),
            // JSON has no number for the others: `NaN`, `inf` and `-inf`.
            Value::F32(it) if !it.is_finite() => to.collect_str(it),
            Value::F64(it) if !it.is_finite() => to.collect_str(it),
            Value::F32(it) => to.serialize_f32(*it),
            Value::F64(it) => to.serialize_f64(*it),
            Value::Char(it) => to.serialize_char(*it),
            Value::String(it) | Value::Enum(it) | Value::Variant(it, None) => to.serialize_str(it),
            Value::List(values) | Value::Tuple(values) => to.collect_seq(values.iter().map(Json)),
            Value::Record(fields) => {
                to.collect_map(fields.iter().map(|(name, value)| (name, Json(value))))
            }
            Value::Variant(case, Some(value)) => one(to, case, value),
            Value::Option(None) => to.serialize_none(),
            // Otherwise it would be the same null as `none`.
            Value::Option(Some(value)) if matches!(**value, Value::Option(_)) => {
                one(to, "some", value)
            }
            Value::Option(Some(value)) => Json(value).serialize(to),
            Value::Result(result) => {
                let (name, value) = match result {
                    Ok(value) => ("ok", value),
                    Err(value) => ("err", value),
                };
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry(name, &value.as_deref().map(Json))?;
                map.end()
            }
            Value::Flags(names) => to.collect_seq(names),
        }
    }
}

fn one<S: Serializer>(to: S, name: &str, value: &Value) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(name, &Json(value))?;
    map.end()
}
