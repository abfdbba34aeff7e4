//! CSV records with the line each one starts on.

use csv_core::{ReadRecordResult, Reader};

use crate::tollgate::ledger::types::{ImportError, Problem};

/// One record of `N` fields.
pub(crate) struct Record<const N: usize> {
    /// The line it starts on, from 1. A quoted field may make it reach over several.
    pub(crate) line: u32,
    pub(crate) fields: [String; N],
}

/// `bytes` without the byte order mark that spreadsheets put in front.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// All records of a file, each of which must have `N` fields. Empty lines are passed over.
pub(crate) fn records<const N: usize>(file: &[u8]) -> Result<Vec<Record<N>>, ImportError> {
    let mut file = without_mark(file).to_vec();
    if !file.ends_with(b"\n") {
        // With this line end, a record that does not end here has open quotes.
        file.push(b'\n');
    }
    let mut text = vec![0; file.len()];
    let mut ends = [0; N];
    let mut reader = Reader::new();
    let mut records = Vec::new();
    let mut rest = file.as_slice();
    let mut line = 1;
    loop {
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        line += line_breaks(rest, blank);
        rest = rest.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(records);
        }

        let error = |problem, message: String| ImportError {
            line,
            problem,
            message,
        };
        let (outcome, consumed, _, count) = reader.read_record(rest, &mut text, &mut ends);
        if outcome == ReadRecordResult::InputEmpty {
            return Err(error(
                Problem::Format,
                "a quote is opened and never closed".into(),
            ));
        }
        if outcome != ReadRecordResult::Record || count != N {
            let found = if count < N {
                format!("{count}")
            } else {
                format!("more than {N}")
            };
            return Err(error(
                Problem::Column,
                format!("{found} columns where {N} must be"),
            ));
        }
        let mut fields = [const { String::new() }; N];
        let mut start = 0;
        for (field, end) in fields.iter_mut().zip(ends) {
            let bytes = text.get(start..end).unwrap_or_default();
            *field = str::from_utf8(bytes)
                .map_err(|_| error(Problem::Encoding, "this is not UTF-8".into()))?
                .to_owned();
            start = end;
        }
        records.push(Record { line, fields });

        line += line_breaks(rest, consumed);
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

/// The number of lines that end within the first `length` bytes.
fn line_breaks(bytes: &[u8], length: usize) -> u32 {
    bytes
        .iter()
        .take(length)
        .map(|byte| u32::from(*byte == b'\n'))
        .sum()
}
