//! Types as JSON Schema (2020-12), of the mapping of [`tollgate::value::json`].

use serde_json::{Map, Value, json};
use tollgate::value::{Field, Type};

/// Bytes of a part beside its names.
const PART: usize = 64;

/// Writes schemas up to about a number of bytes; a type beyond it is `{}`, which takes any value. Not `true`: there are
/// clients to whom a schema is an object.
pub(crate) struct Schemas {
    left: usize,
}

impl Schemas {
    pub(crate) fn new(bytes: usize) -> Schemas {
        Schemas { left: bytes }
    }

    /// Whether there is room for parts with these names.
    fn take<'n>(&mut self, names: impl Iterator<Item = &'n String>) -> bool {
        // The name of a field is there twice.
        let each = names.map(|name| name.len().saturating_mul(2).saturating_add(PART));
        let bytes = each.fold(PART, usize::saturating_add);
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The arguments of a call by their names.
    pub(crate) fn named(&mut self, params: &[Field]) -> Value {
        match self.take(params.iter().map(|param| &param.name)) {
            true => self.record(params),
            false => json!({ "type": "object" }),
        }
    }

    /// The body of a call: arguments by name or in order.
    pub(crate) fn arguments(&mut self, params: &[Field]) -> Value {
        if !self.take(params.iter().map(|param| &param.name)) {
            return json!({ "type": "object" });
        }
        let by_name = self.record(params);
        let in_order: Vec<Value> = params.iter().map(|param| self.of(&param.ty)).collect();
        let least = params
            .iter()
            .rev()
            .skip_while(|param| is_option(param))
            .count();
        let mut list = json!({ "type": "array", "minItems": least, "maxItems": params.len() });
        if let (false, Value::Object(members)) = (in_order.is_empty(), &mut list) {
            members.insert("prefixItems".to_owned(), json!(in_order));
        }
        json!({
            "type": "object",
            "properties": { "args": { "anyOf": [by_name, list] } },
            "required": if least == 0 { json!([]) } else { json!(["args"]) },
        })
    }

    pub(crate) fn of(&mut self, ty: &Type) -> Value {
        let has_room = match ty {
            Type::Enum(names) | Type::Flags(names) => self.take(names.iter()),
            Type::Variant(cases) => self.take(cases.iter().map(|case| &case.name)),
            Type::Record(fields) => self.take(fields.iter().map(|field| &field.name)),
            _ => self.take(std::iter::empty()),
        };
        if !has_room {
            return json!({});
        }
        match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::S8 => integer(i8::MIN, i8::MAX),
            Type::U8 => integer(u8::MIN, u8::MAX),
            Type::S16 => integer(i16::MIN, i16::MAX),
            Type::U16 => integer(u16::MIN, u16::MAX),
            Type::S32 => integer(i32::MIN, i32::MAX),
            Type::U32 => integer(u32::MIN, u32::MAX),
            Type::S64 => {
                json!({ "anyOf": [integer(i64::MIN, i64::MAX), { "type": "string", "pattern": "^-?[0-9]+$" }] })
            }
            Type::U64 => {
                json!({ "anyOf": [integer(u64::MIN, u64::MAX), { "type": "string", "pattern": "^[0-9]+$" }] })
            }
            Type::F32 | Type::F64 => {
                json!({ "anyOf": [{ "type": "number" }, { "enum": ["NaN", "inf", "-inf"] }] })
            }
            Type::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Type::String => json!({ "type": "string" }),
            Type::List(of) if **of == Type::U8 => json!({ "anyOf": [
                { "type": "array", "items": integer(u8::MIN, u8::MAX) },
                { "type": "string" },
                { "type": "object", "properties": { "base64": { "type": "string", "contentEncoding": "base64" } },
                  "required": ["base64"], "additionalProperties": false },
            ] }),
            Type::List(of) => json!({ "type": "array", "items": self.of(of) }),
            Type::Tuple(types) => {
                let items: Vec<Value> = types.iter().map(|ty| self.of(ty)).collect();
                json!({ "type": "array", "prefixItems": items, "minItems": types.len(), "maxItems": types.len() })
            }
            Type::Record(fields) => self.record(fields),
            Type::Variant(cases) => {
                let cases = cases.iter().map(|case| match &case.ty {
                    None => json!({ "const": case.name }),
                    Some(ty) => object_of(&case.name, self.of(ty)),
                });
                json!({ "oneOf": cases.collect::<Vec<Value>>() })
            }
            Type::Enum(names) => json!({ "enum": names }),
            Type::Option(of) => {
                let inner = self.of(of);
                let some = match **of {
                    Type::Option(_) => object_of("some", inner),
                    _ => inner,
                };
                json!({ "anyOf": [some, { "type": "null" }] })
            }
            Type::Result(ok, err) => {
                let mut payload = |ty: &Option<Box<Type>>| match ty {
                    Some(ty) => self.of(ty),
                    None => json!({ "type": "null" }),
                };
                json!({ "oneOf": [object_of("ok", payload(ok)), object_of("err", payload(err))] })
            }
            Type::Flags(names) => {
                json!({ "type": "array", "items": { "enum": names }, "uniqueItems": true })
            }
            // No value has it.
            _ => json!({ "not": {} }),
        }
    }

    fn record(&mut self, fields: &[Field]) -> Value {
        let properties = fields
            .iter()
            .map(|field| (field.name.clone(), self.of(&field.ty)));
        let properties: Map<String, Value> = properties.collect();
        let required = fields.iter().filter(|field| !is_option(field));
        let required: Vec<&str> = required.map(|field| &*field.name).collect();
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    }
}

fn is_option(field: &Field) -> bool {
    matches!(field.ty, Type::Option(_))
}

fn integer(least: impl Into<serde_json::Number>, most: impl Into<serde_json::Number>) -> Value {
    let (least, most) = (least.into(), most.into());
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn object_of(name: &str, value: Value) -> Value {
    let properties = Map::from_iter([(name.to_owned(), value)]);
    json!({ "type": "object", "properties": properties, "required": [name], "additionalProperties": false })
}
