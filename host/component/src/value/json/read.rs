//! JSON read as values of given types. No tree of the text is built, so that text which fits no type costs nothing: the
//! types decide what is read, and how deep.

mod numbers;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use base64ct::{Base64, Encoding as _};
use jiter::{Jiter, JiterError, JiterErrorType, Peek};

use super::super::check::{counted, known, unknown};
use super::super::{Case, Field, Mismatch, Type, Value};
use super::JsonError;

/// Reads a text that is one value of type `ty`, which takes at most `most` bytes of memory.
///
/// # Errors
///
/// The text is no JSON, or no value of the type, or takes more memory.
pub fn read(text: &[u8], ty: &Type, most: u64) -> Result<Value, JsonError> {
    let mut reader = Reader::new(text, most);
    let value = reader.value(ty)?;
    reader.finish()?;
    Ok(value)
}

/// Reads a text part by part, for the envelopes of front doors.
pub struct Reader<'j> {
    json: Jiter<'j>,
    most: u64,
    /// Bytes that values may still take.
    left: u64,
    /// Names of cases that may still be compared.
    searches: u64,
}

/// Names of cases that the values of one text are compared with, at most: a component may have a type of thousands. It is
/// a tenth of a second.
const SEARCHES: u64 = 1 << 26;

impl<'j> Reader<'j> {
    /// A reader of `text`, whose values take at most `most` bytes of memory together.
    pub fn new(text: &'j [u8], most: u64) -> Reader<'j> {
        Reader {
            json: Jiter::new(text),
            most,
            left: most,
            searches: SEARCHES,
        }
    }

    /// Reads an object: `field` is given each name, and reads its value.
    ///
    /// # Errors
    ///
    /// It is no object, a name occurs twice, or an error of `field`.
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Reader<'j>, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        let mut seen: HashSet<String> = HashSet::new();
        let mut next = self.json.next_object().map(|name| name.map(str::to_owned));
        loop {
            let name = match next {
                Ok(Some(name)) => name,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.failed(&error, "an object")),
            };
            self.spend(name.len())?;
            if seen.contains(&name) {
                let found = format!("with the field `{name}` twice");
                return Err(Mismatch::here("each field once".to_owned(), found).into());
            }
            field(self, &name)?;
            seen.insert(name);
            next = self.json.next_key().map(|name| name.map(str::to_owned));
        }
    }

    /// Reads the arguments of a call: an array of them in order, or an object of them by name. An option that is left out
    /// of an object, or at the end of an array, is `none`.
    ///
    /// # Errors
    ///
    /// They do not fit the parameters.
    pub fn arguments(&mut self, params: &[Field]) -> Result<Vec<Value>, JsonError> {
        match self.peek()? {
            Peek::Object => {
                let fields = self.fields(params)?;
                Ok(fields.into_iter().map(|(_, value)| value).collect())
            }
            Peek::Array => self.in_order(params),
            other => Err(self.misfit(other, "an array or an object of arguments")),
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    ///
    /// It is none, or too long.
    pub fn string(&mut self) -> Result<String, JsonError> {
        let read = self.json.next_str().map(str::to_owned);
        let text = read.map_err(|error| self.failed(&error, "a string"))?;
        self.spend(text.len())?;
        Ok(text)
    }

    /// Reads a string of base64, with padding.
    ///
    /// # Errors
    ///
    /// It is none, or too long.
    pub fn base64(&mut self) -> Result<Vec<u8>, JsonError> {
        let text = self.string()?;
        let decoded = Base64::decode_vec(&text);
        decoded.map_err(|_| here("base64 with padding", "other text"))
    }

    /// Passes over a value of any type, and tells its place in the text. Its strings are not checked to be UTF-8.
    ///
    /// # Errors
    ///
    /// It is no JSON, or is nested deeper than 200 times.
    pub fn skip(&mut self) -> Result<Range<usize>, JsonError> {
        self.peek()?;
        let start = self.json.current_index();
        let skipped = self.json.next_skip();
        skipped.map_err(|error| self.failed(&error, "a value"))?;
        Ok(start..self.json.current_index())
    }

    /// Reads a value of this type.
    ///
    /// # Errors
    ///
    /// It does not fit, or takes too much memory.
    pub fn value(&mut self, ty: &Type) -> Result<Value, JsonError> {
        self.spend(size_of::<Value>())?;
        let peek = self.peek()?;
        Ok(match ty {
            Type::Bool => match self.json.known_bool(peek) {
                Ok(it) => Value::Bool(it),
                Err(error) => return Err(self.failed(&error, "bool")),
            },
            Type::S8 => Value::S8(self.number(peek, "s8")?),
            Type::U8 => Value::U8(self.number(peek, "u8")?),
            Type::S16 => Value::S16(self.number(peek, "s16")?),
            Type::U16 => Value::U16(self.number(peek, "u16")?),
            Type::S32 => Value::S32(self.number(peek, "s32")?),
            Type::U32 => Value::U32(self.number(peek, "u32")?),
            Type::S64 => Value::S64(self.wide(peek, "s64")?),
            Type::U64 => Value::U64(self.wide(peek, "u64")?),
            Type::F32 => Value::F32(self.float(peek, "f32", f32::is_finite)?),
            Type::F64 => Value::F64(self.float(peek, "f64", f64::is_finite)?),
            Type::Char => {
                let text = self.string()?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(it), None) => Value::Char(it),
                    _ => return Err(here("a string of one character", "another string")),
                }
            }
            Type::String => Value::String(self.string()?),
            Type::List(of) if **of == Type::U8 && peek != Peek::Array => self.bytes(peek)?,
            Type::List(of) => Value::List(self.elements(|_| Some(of))?),
            Type::Tuple(types) => {
                let values = self.elements(|at| types.get(at))?;
                if values.len() < types.len() {
                    let found = format!("an array of {}", values.len());
                    return Err(Mismatch::here(counted(types.len(), "element"), found).into());
                }
                Value::Tuple(values)
            }
            Type::Record(fields) => Value::Record(self.fields(fields)?),
            Type::Variant(cases) => self.variant(peek, cases)?,
            Type::Enum(names) => {
                self.search(names.len())?;
                let name = self.string()?;
                known(names, &name, "case")?;
                Value::Enum(name)
            }
            Type::Option(_) if peek == Peek::Null => {
                self.null()?;
                Value::Option(None)
            }
            Type::Option(of) if matches!(**of, Type::Option(_)) => {
                let value =
                    self.single("an object of the field `some`", |reader, name| match name {
                        "some" => reader.value(of),
                        _ => Err(here("the field `some`", &format!("the field `{name}`"))),
                    })?;
                Value::Option(Some(Box::new(value)))
            }
            Type::Option(of) => Value::Option(Some(Box::new(self.value(of)?))),
            Type::Result(ok, err) => self.single(
                "an object of the field `ok` or `err`",
                |reader, name| match name {
                    "ok" => Ok(Value::Result(Ok(reader.payload(ok.as_deref())?))),
                    "err" => Ok(Value::Result(Err(reader.payload(err.as_deref())?))),
                    _ => Err(here("`ok` or `err`", &format!("the field `{name}`"))),
                },
            )?,
            Type::Flags(names) => {
                let set = self.elements(|_| Some(&Type::String))?;
                let mut flags: Vec<String> = Vec::new();
                for flag in set {
                    let Value::String(flag) = flag else { continue };
                    known(names, &flag, "flag")?;
                    if flags.contains(&flag) {
                        let found = format!("with the flag `{flag}` twice");
                        return Err(here("each flag once", &found));
                    }
                    flags.push(flag);
                }
                Value::Flags(flags)
            }
            Type::Opaque(what) => {
                let expected = format!("nothing, as no JSON is {what}");
                return Err(self.misfit(peek, &expected));
            }
        })
    }

    /// The end of the text.
    ///
    /// # Errors
    ///
    /// There is more.
    pub fn finish(&mut self) -> Result<(), JsonError> {
        let finished = self.json.finish();
        finished.map_err(|error| self.failed(&error, "the end"))
    }

    /// An array whose elements have the types that `ty` gives by their place.
    fn elements<'t>(
        &mut self,
        ty: impl Fn(usize) -> Option<&'t Type>,
    ) -> Result<Vec<Value>, JsonError> {
        let mut values = Vec::new();
        let mut next = self.json.next_array();
        loop {
            match next {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(values),
                Err(error) => return Err(self.failed(&error, "an array")),
            }
            let at = values.len();
            let Some(ty) = ty(at) else {
                let found = format!("an array of more than {at}");
                return Err(Mismatch::here(counted(at, "element"), found).into());
            };
            let value = self.value(ty);
            values.push(value.map_err(|error| error.within(&format!("[{at}]")))?);
            next = self.json.array_step();
        }
    }

    /// Arguments by their place.
    fn in_order(&mut self, params: &[Field]) -> Result<Vec<Value>, JsonError> {
        let mut values = self.elements(|at| params.get(at).map(|param| &param.ty))?;
        for param in params.iter().skip(values.len()) {
            if !matches!(param.ty, Type::Option(_)) {
                let found = format!("an array of {}", values.len());
                return Err(Mismatch::here(counted(params.len(), "argument"), found).into());
            }
            self.spend(size_of::<Value>())?;
            values.push(Value::Option(None));
        }
        Ok(values)
    }

    /// An object with the fields of a record, in their order.
    fn fields(&mut self, types: &[Field]) -> Result<Vec<(String, Value)>, JsonError> {
        // Names are those of the type, which may be long, and are there once for each value.
        let names = types.iter().map(|field| field.name.len());
        let each = types.len().saturating_mul(size_of::<(String, Value)>());
        self.spend(names.sum::<usize>().saturating_add(each))?;
        let places = types.iter().enumerate();
        let places: HashMap<&str, usize> = places.map(|(at, field)| (&*field.name, at)).collect();
        let mut found: Vec<Option<Value>> = types.iter().map(|_| None).collect();
        self.object(|reader, name| {
            let at = places.get(name).copied();
            let known = at.and_then(|at| types.get(at).zip(found.get_mut(at)));
            let Some((field, place)) = known else {
                let names = types.iter().map(|field| &*field.name).collect::<Vec<_>>();
                let expected = format!("fields of {}", names.join(", "));
                let found = format!("with a field `{name}` that its type does not have");
                return Err(Mismatch::here(expected, found).into());
            };
            let value = reader.value(&field.ty);
            *place = Some(value.map_err(|error| error.within(name))?);
            Ok(())
        })?;
        let mut fields = Vec::new();
        for (Field { name, ty }, value) in types.iter().zip(found) {
            let value = match (value, ty) {
                (Some(value), _) => value,
                (None, Type::Option(_)) => Value::Option(None),
                (None, _) => {
                    let found = format!("without the field `{name}`");
                    return Err(Mismatch::here(format!("`{name}: {ty}` as well"), found).into());
                }
            };
            fields.push((name.clone(), value));
        }
        Ok(fields)
    }

    fn variant(&mut self, peek: Peek, cases: &[Case]) -> Result<Value, JsonError> {
        self.search(cases.len())?;
        let found = |name: &str| {
            let case = cases.iter().find(|case| case.name == name);
            case.ok_or_else(|| {
                let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
                unknown(&names, name, "case")
            })
        };
        if peek == Peek::String {
            let name = self.string()?;
            return match &found(&name)?.ty {
                None => Ok(Value::Variant(name, None)),
                Some(ty) => Err(here(&format!("an object of `{name}` and {ty}"), "a string")),
            };
        }
        self.single(
            "a string, or an object of one field",
            |reader, name| match &found(name)?.ty {
                Some(ty) => {
                    let value = reader.value(ty).map_err(|error| error.within(name))?;
                    Ok(Value::Variant(name.to_owned(), Some(Box::new(value))))
                }
                None => Err(here(&format!("the string `{name}`"), "an object")),
            },
        )
    }

    /// An object of one field.
    fn single(
        &mut self,
        expected: &str,
        mut read: impl FnMut(&mut Reader<'j>, &str) -> Result<Value, JsonError>,
    ) -> Result<Value, JsonError> {
        let peek = self.peek()?;
        if peek != Peek::Object {
            return Err(self.misfit(peek, expected));
        }
        let mut value = None;
        self.object(|reader, name| {
            if value.is_some() {
                return Err(here(expected, "an object of more"));
            }
            value = Some(read(reader, name)?);
            Ok(())
        })?;
        value.ok_or_else(|| here(expected, "an empty object"))
    }

    /// The value in a result.
    fn payload(&mut self, ty: Option<&Type>) -> Result<Option<Box<Value>>, JsonError> {
        match ty {
            Some(ty) => Ok(Some(Box::new(self.value(ty)?))),
            None => self.null().map(|()| None),
        }
    }

    /// Bytes that are not an array: text, or base64.
    fn bytes(&mut self, peek: Peek) -> Result<Value, JsonError> {
        const EXPECTED: &str = "an array of u8, a string, or an object of the field `base64`";
        let bytes = match peek {
            // The text is gone when its bytes are values, which are counted.
            Peek::String => {
                let read = self.json.next_str().map(|text| text.as_bytes().to_vec());
                read.map_err(|error| self.failed(&error, EXPECTED))?
            }
            Peek::Object => {
                let mut bytes = None;
                self.object(|reader, name| {
                    if name != "base64" {
                        return Err(here(EXPECTED, &format!("the field `{name}`")));
                    }
                    bytes = Some(reader.base64()?);
                    Ok(())
                })?;
                bytes.ok_or_else(|| here(EXPECTED, "an empty object"))?
            }
            other => return Err(self.misfit(other, EXPECTED)),
        };
        self.spend(bytes.len().saturating_mul(size_of::<Value>()))?;
        Ok(Value::from(&bytes[..]))
    }

    fn null(&mut self) -> Result<(), JsonError> {
        let read = self.json.next_null();
        read.map_err(|error| self.failed(&error, "null"))
    }

    fn peek(&mut self) -> Result<Peek, JsonError> {
        let peek = self.json.peek();
        peek.map_err(|error| self.failed(&error, "a value"))
    }

    /// Counts a search among so many names.
    fn search(&mut self, names: usize) -> Result<(), JsonError> {
        let left = self.searches.checked_sub(names as u64);
        self.searches = left.ok_or(JsonError::TooManyNames)?;
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), JsonError> {
        let most = self.most;
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.ok_or(JsonError::TooLarge { most })?;
        Ok(())
    }

    fn failed(&self, error: &JiterError, expected: &str) -> JsonError {
        match &error.error_type {
            JiterErrorType::WrongType { actual, .. } => here(expected, &actual.to_string()),
            JiterErrorType::JsonError(what) => {
                let place = self.json.error_position(error.index);
                JsonError::Syntax {
                    line: place.line,
                    column: place.column,
                    message: what.to_string(),
                }
            }
        }
    }

    /// The JSON that begins with `peek` is of another kind than expected.
    fn misfit(&self, peek: Peek, expected: &str) -> JsonError {
        let found = match peek {
            Peek::Null => "null",
            Peek::True | Peek::False => "a boolean",
            Peek::String => "a string",
            Peek::Array => "an array",
            Peek::Object => "an object",
            _ if peek.is_num() => "a number",
            _ => "no JSON",
        };
        here(expected, found)
    }
}

fn here(expected: &str, found: &str) -> JsonError {
    JsonError::misfit(expected, found)
}
