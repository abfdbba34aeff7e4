//! Streams: standard output, those of a file, and the errors of both.

use wasip2::cli::{stdin, stdout};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, OpenFlags, PathFlags, filesystem_error_code,
};
use wasip2::http::types::http_error_code;
use wasip2::io::streams::{InputStream, StreamError};

use crate::{again, unknown};

/// The file `file` of the first folder.
fn file() -> Option<Descriptor> {
    let (folder, _) = get_directories().into_iter().next()?;
    let none = PathFlags::empty();
    let file = folder.open_at(none, "file", OpenFlags::empty(), DescriptorFlags::READ);
    file.ok()
}

/// Its contents, from its start.
fn contents() -> Option<InputStream> {
    file()?.read_via_stream(0).ok()
}

pub(crate) fn call(function: &str, times: u64, size: usize) {
    let out = stdout::get_stdout();
    let piece = vec![b'x'; size];
    let bytes = size as u64;
    match function {
        "stdin.read" => {
            let stdin = stdin::get_stdin();
            again(times, || stdin.read(bytes));
        }
        "stdin.blocking-read" => {
            let stdin = stdin::get_stdin();
            again(times, || stdin.blocking_read(bytes));
        }
        "stdin.skip" => {
            let stdin = stdin::get_stdin();
            again(times, || stdin.skip(bytes));
        }
        "stdin.blocking-skip" => {
            let stdin = stdin::get_stdin();
            again(times, || stdin.blocking_skip(bytes));
        }
        "stdin.subscribe" => {
            let stdin = stdin::get_stdin();
            again(times, || stdin.subscribe());
        }
        "stdout.check-write" => again(times, || out.check_write()),
        "stdout.write" => again(times, || {
            let _ = out.check_write();
            out.write(&piece)
        }),
        "stdout.write-and-flush" => again(times, || out.blocking_write_and_flush(&piece)),
        "stdout.write-zeroes" => again(times, || {
            let _ = out.check_write();
            out.write_zeroes(bytes)
        }),
        "stdout.write-zeroes-and-flush" => {
            again(times, || out.blocking_write_zeroes_and_flush(bytes));
        }
        "stdout.flush" => again(times, || out.flush()),
        "stdout.blocking-flush" => again(times, || out.blocking_flush()),
        "stdout.splice" => {
            let Some(contents) = contents() else { return };
            again(times, || {
                let _ = out.check_write();
                out.splice(&contents, bytes)
            });
        }
        "stdout.blocking-splice" => {
            let Some(contents) = contents() else { return };
            again(times, || out.blocking_splice(&contents, bytes));
        }
        "stdout.subscribe" => again(times, || out.subscribe()),
        "error.made" => {
            // No file reaches this offset.
            let beyond = file().and_then(|file| file.read_via_stream(u64::MAX / 2 + 1).ok());
            let Some(beyond) = beyond else { return };
            again(times, || beyond.read(1));
        }
        "error.text" | "error.file-code" | "error.http-code" => {
            // No file reaches this offset.
            let beyond = file().and_then(|file| file.read_via_stream(u64::MAX / 2 + 1).ok());
            let failed = beyond.map(|beyond| beyond.blocking_read(1));
            let Some(Err(StreamError::LastOperationFailed(error))) = failed else {
                println!("unknown: an error of a stream");
                return;
            };
            match function {
                "error.text" => again(times, || error.to_debug_string()),
                "error.file-code" => again(times, || filesystem_error_code(&error)),
                _ => again(times, || http_error_code(&error)),
            }
        }
        _ => unknown(function),
    }
}
