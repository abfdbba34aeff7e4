//! Any export, called by a line of text: the WAVE notation of `tollgate call`.

use std::fmt;

use tollgate_capability::{HostFailure, LimitReached};
use tollgate_component::escape;
use tollgate_policy::Limits;
use wasmtime::component::Val;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::wasm::DisplayFunc;
use wasmtime::component::wasm_wave::writer::Writer;

use crate::call::arguments::of_val;
use crate::call::exports::{ExportedFunction, find};
use crate::call::invoke::callable;
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::session::Session;
use crate::call::wave_arguments::{Misfit, arguments};
use crate::call::wave_tokens::{MAX_TOKEN, too_long};
use crate::error::CallError;

/// An `err(…)` that the export returned, as WAVE text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveError {
    /// The case of the error, when it is a variant or an enumeration; else `error`.
    pub kind: String,
    /// The whole result, `err(…)`.
    pub text: String,
}

impl ErrorReport for WaveError {
    fn kind(&self) -> String {
        self.kind.clone()
    }

    fn message(&self) -> String {
        self.text.clone()
    }
}

impl Session {
    /// Calls an export by text: `resolve("1.0", "linux/x86_64")`, or with its interface,
    /// `tollgate:releases/resolve.resolve("1.0", "linux/x86_64")`. Optional arguments at the end may be left out. A string
    /// where a `list<u8>` is expected stands for its UTF-8 bytes. The result is WAVE text.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] when no export, or more than one, has that name;
    /// [`CallError::Arguments`] when the text does not parse or does not fit the parameters.
    pub async fn wave(&mut self, expression: &str) -> Result<Report<String, WaveError>, CallError> {
        let call = Call::parse(expression)?;
        let provider = self.provider().clone();
        let exported = find(provider.exported_functions(), call.name())?;
        callable(exported)?;
        let types: Vec<_> = exported.ty.params().map(|(_, ty)| ty).collect();
        let arguments = arguments(&call.parsed, &types).map_err(|misfit| {
            let place = place(call.expression, call.bracket, &misfit);
            CallError::Arguments(format!("{place}; it is `{}`", signature(exported)))
        })?;
        let bytes = arguments.iter().map(of_val).sum();
        #[cfg(target_os = "linux")]
        if self.is_there() {
            return self.wave_there(expression, bytes).await;
        }
        self.invoke_exported(exported, (arguments, bytes), outcome, wave_bytes)
            .await
    }
}

/// Bytes of the text of an outcome.
pub(crate) fn wave_bytes(outcome: &Outcome<String, WaveError>) -> Option<u64> {
    Some(match outcome {
        Outcome::Returned(text) => text.len() as u64,
        Outcome::Failed(error) => error.text.len() as u64,
        Outcome::Faulted(_) => 0,
    })
}

/// The result of an export as text.
fn outcome(value: Option<Val>, limits: &Limits) -> wasmtime::Result<Result<String, WaveError>> {
    let Some(value) = value else {
        return Ok(Ok(String::new()));
    };
    let most = usize::try_from(limits.output).unwrap_or(usize::MAX);
    let text = text(&value, most)?;
    Ok(match value {
        Val::Result(Err(error)) => Err(WaveError {
            kind: match error.as_deref() {
                Some(Val::Variant(case, _) | Val::Enum(case)) => case.clone(),
                _ => "error".to_owned(),
            },
            text,
        }),
        _ => Ok(text),
    })
}

/// A value as WAVE text of at most `most` bytes. A float takes 300 characters without an exponent, so a text may be ten
/// times as long as the value.
pub(super) fn text(value: &Val, most: usize) -> wasmtime::Result<String> {
    let mut text = Capped {
        text: String::new(),
        most,
        is_full: false,
    };
    match Writer::new(&mut text).write_value(value) {
        Ok(()) if text.text.contains("\\u{") => Ok(with_marks(&text.text)),
        Ok(()) => Ok(text.text),
        Err(_) if text.is_full => Err(LimitReached::Output.into()),
        Err(error) => Err(HostFailure(error.to_string()).into()),
    }
}

/// The text with its combining marks, such as U+FE0F behind an emoji, in place of the escapes that WAVE's writer makes of them.
/// Characters that could harm a terminal stay escaped.
fn with_marks(text: &str) -> String {
    let mut marked = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('\\') {
        marked.push_str(before);
        let escaped = from
            .strip_prefix("u{")
            .and_then(|from| from.split_once('}'));
        let mark = escaped.and_then(|(digits, after)| {
            let mark = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            (!escape::is_hostile(mark)).then_some((mark, after))
        });
        rest = match mark {
            Some((mark, after)) => {
                marked.push(mark);
                after
            }
            None => {
                // Another escape, of which the next character is a part: a backslash, for one.
                let end = from.chars().next().map_or(0, char::len_utf8);
                let (escape, after) = from.split_at_checked(end).unwrap_or((from, ""));
                marked.push('\\');
                marked.push_str(escape);
                after
            }
        };
    }
    marked.push_str(rest);
    marked
}

/// Text up to a number of bytes.
struct Capped {
    text: String,
    most: usize,
    is_full: bool,
}

impl fmt::Write for Capped {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.text.len().saturating_add(piece.len()) > self.most {
            self.is_full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        Ok(())
    }
}

/// The type of a callable function, whose size is bounded, in the words of WAVE.
fn signature(exported: &ExportedFunction) -> String {
    let ty = DisplayFunc(exported.ty.clone());
    let text = format!("{}: {ty}", exported.function.name);
    escape::line(&text).into_owned()
}

/// Checks that `expression` is a call, without regard to a component.
///
/// # Errors
///
/// [`CallError::Arguments`], as of [`Session::wave`].
pub fn check_expression(expression: &str) -> Result<(), CallError> {
    Call::parse(expression).map(|_| ())
}

/// `name(arguments)` in its parts.
struct Call<'e> {
    expression: &'e str,
    /// The place of the first bracket.
    bracket: usize,
    parsed: UntypedFuncCall<'static>,
}

impl<'e> Call<'e> {
    fn parse(expression: &'e str) -> Result<Call<'e>, CallError> {
        let expression = expression.trim();
        let bracket = expression.find('(').filter(|at| *at > 0);
        let (bracket, arguments) = bracket
            .and_then(|at| Some((at, expression.get(at..)?)))
            .ok_or_else(|| {
                let shown = escape::line(expression);
                CallError::Arguments(format!(
                    "`{shown}` is not a call; write it as `name(argument, …)`"
                ))
            })?;
        if let Some(at) = too_long(arguments) {
            return Err(CallError::Arguments(format!(
                "at character {}: a string or word of more than {} KiB; write a string between `\"\"\"` on lines of their \
                 own, or use `Session::invoke`",
                bracket.saturating_add(at),
                MAX_TOKEN >> 10
            )));
        }
        // WAVE names a call by a plain identifier; which function it is is settled by the name.
        let parsed = UntypedFuncCall::parse(&format!("f{arguments}"))
            .map(UntypedFuncCall::into_owned)
            .map_err(|error| CallError::Arguments(place(expression, bracket, &error.into())))?;
        Ok(Call {
            expression,
            bracket,
            parsed,
        })
    }

    fn name(&self) -> &'e str {
        let name = self.expression.get(..self.bracket);
        name.unwrap_or_default().trim_end()
    }
}

/// An expression that does not parse or does not fit, with the place in it.
fn place(expression: &str, bracket: usize, misfit: &Misfit) -> String {
    let at = misfit.at.saturating_sub(1) + bracket;
    format!(
        "`{}`, at character {at}: {}",
        escape::line(expression),
        misfit.what
    )
}

#[cfg(test)]
mod tests {
    use super::with_marks;

    #[test]
    fn marks_are_shown_and_what_moves_a_terminal_is_not() {
        for (text, shown) in [
            (r#""\u{302}""#, "\"\u{302}\""),
            (r#""\u{fe0f}""#, r#""\u{fe0f}""#),
            (
                r#"("e\u{301}", "\u{200d}")"#,
                "(\"e\u{301}\", \"\\u{200d}\")",
            ),
            (r#""\u{1b}[2J\u{202e}""#, r#""\u{1b}[2J\u{202e}""#),
            (r#""\\u{fe0f}\n\"""#, r#""\\u{fe0f}\n\"""#),
            (r"'\u{302}'", "'\u{302}'"),
            (r"\u{110000}\u{x}\u{", r"\u{110000}\u{x}\u{"),
            ("\\", "\\"),
            ("plain", "plain"),
        ] {
            assert_eq!(with_marks(text), shown, "{text}");
        }
    }
}
