//! Files as arguments of a call: `@"FILE"` in an expression stands for the contents of the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tollgate::embed::{check_expression, token_length};
use tollgate::wasmtime::component::Val;
use tollgate::wasmtime::component::wasm_wave::untyped::UntypedValue;
use tollgate::wasmtime::component::wasm_wave::{self};

use crate::files::input::{STDIN, is_stream};
use crate::output::status::ExitReason;
use crate::output::text;

/// Bytes of all files of one expression. A byte that is not text takes a hundred in the values that the engine is given.
const MAX_FILES: u64 = 4 << 20;

/// The expression with its files, checked before a component is compiled for it. Paths are relative to a folder.
pub(crate) fn checked(original: &str, folder: &Path) -> Result<String, ExitReason> {
    let expression = with_files(original, folder)?;
    check_expression(&expression).map_err(|error| match expression == original {
        true => ExitReason::Usage(error.to_string()),
        // The text of a file is not repeated: it may be one that no log should have.
        false => usage(&format!("{original}: the call is not in WAVE notation")),
    })?;
    Ok(expression)
}

/// The error of arguments that do not fit, which does not repeat a file either.
pub(crate) fn unfit(original: &str) -> String {
    format!(
        "{original}: the arguments do not fit the parameters; `tollgate inspect --wit` shows them"
    )
}

/// The expression with the content of each file in the place of its `@"FILE"`: as a string if it is UTF-8, which fits a
/// `string` and a `list<u8>`, else as a list of numbers. WAVE has no `@` outside of strings and comments, so no
/// expression has two meanings.
fn with_files(expression: &str, folder: &Path) -> Result<String, ExitReason> {
    // Names of interfaces have an `@` in front of the arguments.
    let Some((name, arguments)) = expression.split_once('(') else {
        return Ok(expression.to_owned());
    };
    let mut done = format!("{name}(");
    let (mut rest, mut left, mut stdin_is_used) = (arguments, MAX_FILES, false);
    while let Some(next) = rest.chars().next() {
        if next == '@' {
            let named = rest.get(1..).unwrap_or_default();
            let (path, after) = file_name(named)?;
            let path = Path::new(&path);
            if is_stream(path) && std::mem::replace(&mut stdin_is_used, true) {
                return Err(usage("@\"-\": stdin is another argument already"));
            }
            let path = if is_stream(path) {
                path.to_owned()
            } else {
                folder.join(path)
            };
            let bytes = read(&path, left)?;
            left = left.saturating_sub(bytes.len() as u64);
            done.push_str(&literal(bytes)?);
            rest = after;
            continue;
        }
        let token = rest.split_at_checked(token_length(rest));
        let (token, after) = token.unwrap_or((rest, ""));
        done.push_str(token);
        rest = after;
    }
    Ok(done)
}

/// The files that an expression names.
pub(crate) fn files(expression: &str) -> Vec<PathBuf> {
    let (_, mut rest) = expression.split_once('(').unwrap_or_default();
    let mut files = Vec::new();
    while let Some(next) = rest.chars().next() {
        let named = (next == '@').then(|| file_name(rest.get(1..).unwrap_or_default()));
        rest = match named {
            Some(Ok((path, after))) => {
                files.push(PathBuf::from(path));
                after
            }
            // It is told when the case is read.
            Some(Err(_)) => return files,
            None => rest.get(token_length(rest)..).unwrap_or_default(),
        };
    }
    files
}

/// Whether an argument is stdin.
pub(crate) fn names_stdin(expression: &str) -> bool {
    expression.contains("@\"-\"")
}

/// The name behind an `@`, and the text after it.
fn file_name(text: &str) -> Result<(String, &str), ExitReason> {
    let quoted = text.starts_with('"').then(|| token_length(text));
    let name = quoted.and_then(|length| text.split_at_checked(length));
    let parsed = name.and_then(|(name, after)| {
        let parsed = UntypedValue::parse(name).ok()?;
        let path = parsed.node().as_str(name).ok()?.into_owned();
        Some((path, after))
    });
    parsed.ok_or_else(|| {
        usage("@ stands before the name of a file in quotes, such as @\"notes.txt\"")
    })
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, ExitReason> {
    let (source, name): (io::Result<Box<dyn Read>>, _) = match is_stream(path) {
        true => (Ok(Box::new(io::stdin().lock())), STDIN.to_owned()),
        false => (
            File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
            text::path(path),
        ),
    };
    let mut bytes = Vec::new();
    source
        .and_then(|source| source.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| usage(&format!("{name}: {error}")))?;
    match bytes.len() as u64 > most {
        true => Err(usage(&format!(
            "{name}: the files of one call may have {MAX_FILES} bytes together; use `tollgate run`, which takes any input"
        ))),
        false => Ok(bytes),
    }
}

/// The bytes as a literal of WAVE. A string is one of several lines, since others may not be long; its line breaks are escaped
/// all the same.
fn literal(bytes: Vec<u8>) -> Result<String, ExitReason> {
    match String::from_utf8(bytes) {
        Ok(text) => {
            let quoted = wasm_wave::to_string(&Val::String(text));
            let quoted = quoted.map_err(|error| ExitReason::Host(error.to_string()))?;
            let inner = quoted.get(1..quoted.len().saturating_sub(1));
            Ok(format!("\"\"\"\n{}\n\"\"\"", inner.unwrap_or_default()))
        }
        Err(error) => {
            let numbers: Vec<String> = error.as_bytes().iter().map(u8::to_string).collect();
            Ok(format!("[{}]", numbers.join(",")))
        }
    }
}

fn usage(message: &str) -> ExitReason {
    ExitReason::Usage(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_where_they_are_named_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (text, binary) = (path("a, b).txt"), path("binary"));
        std::fs::write(&text, "say \"hi\"\n").unwrap();
        std::fs::write(&binary, [0xff, 0, 7]).unwrap();
        for (expression, wanted) in [
            (
                format!("f(@{text:?}, 1)"),
                "f(\"\"\"\nsay \\\"hi\\\"\\n\n\"\"\", 1)",
            ),
            (format!("f([some(@{binary:?})])"), "f([some([255,0,7])])"),
            (
                r#"a:b/c@1.0.0.f("@x", '@', "\"@")"#.to_owned(),
                r#"a:b/c@1.0.0.f("@x", '@', "\"@")"#,
            ),
            (
                "f(\"\"\"\n@\"x\n\"\"\", // @\n1)".to_owned(),
                "f(\"\"\"\n@\"x\n\"\"\", // @\n1)",
            ),
            ("no call at all".to_owned(), "no call at all"),
            ("f(\"open @".to_owned(), "f(\"open @"),
        ] {
            assert_eq!(
                with_files(&expression, Path::new("")).unwrap(),
                wanted,
                "{expression}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (expression, said) in [
            ("f(@)", "in quotes"),
            ("f(@notes.txt)", "in quotes"),
            ("f(@\"open", "in quotes"),
            ("f(@\"no/such\")", "no/such: No such file"),
            ("f(@\"/dev/zero\")", "may have 4194304 bytes"),
        ] {
            let message = with_files(expression, Path::new("")).unwrap_err().message();
            assert!(message.contains(said), "{expression}: {message}");
        }
    }
}
