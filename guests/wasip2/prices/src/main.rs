//! A WASI command that calls one function of the host again and again: `prices FUNCTION TIMES SIZE`. The host measures
//! the time and the fuel that it takes, and compares them with a run of no times. Resources are made before the loop
//! where the function does not make them, and are dropped in it where it does.

use std::env;
use std::hint::black_box;

use wasip2::cli::{environment, stdin, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest};
use wasip2::io::poll::poll;
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::{instance_network::instance_network, network, tcp_create_socket};

fn main() {
    let args: Vec<String> = env::args().collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse().ok());
    let (Some(function), Some(times), Some(size)) = (args.get(1), number(2), number(3)) else {
        return;
    };
    call(function, times, usize::try_from(size).unwrap_or_default());
}

fn again<T>(times: u64, mut function: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(function());
    }
}

fn call(function: &str, times: u64, size: usize) {
    match function.split_once(' ').unwrap_or((function, "")).0 {
        "wall-clock.now" => again(times, wall_clock::now),
        "monotonic-clock.now" => again(times, monotonic_clock::now),
        "monotonic-clock.subscribe" => {
            again(times, || monotonic_clock::subscribe_duration(1_000_000_000));
        }
        "random.bytes" => again(times, || random::get_random_bytes(size as u64)),
        "random.u64" => again(times, random::get_random_u64),
        "insecure.bytes" => again(times, || insecure::get_insecure_random_bytes(size as u64)),
        "insecure-seed" => again(times, insecure_seed::insecure_seed),
        "environment" => again(times, environment::get_environment),
        "arguments" => again(times, environment::get_arguments),
        "stdin" => again(times, stdin::get_stdin),
        "poll" => {
            let timers: Vec<_> = (0..size.max(1))
                .map(|_| monotonic_clock::subscribe_duration(0))
                .collect();
            let list: Vec<_> = timers.iter().collect();
            again(times, || poll(&list));
        }
        "pollable.ready" => {
            let timer = monotonic_clock::subscribe_duration(0);
            again(times, || timer.ready());
        }
        "sockets.create" => again(times, || {
            tcp_create_socket::create_tcp_socket(network::IpAddressFamily::Ipv4)
        }),
        "sockets.network" => again(times, instance_network),
        name if name.starts_with("stdout.") => output(name, times, size),
        name if name.starts_with("files.") => files(name, times, size),
        name => http(name, times, size),
    }
}

fn output(function: &str, times: u64, size: usize) {
    let out = stdout::get_stdout();
    let piece = vec![b'x'; size];
    match function {
        "stdout.check-write" => again(times, || out.check_write()),
        "stdout.write" => again(times, || {
            let _ = out.check_write();
            out.write(&piece)
        }),
        "stdout.write-and-flush" => again(times, || out.blocking_write_and_flush(&piece)),
        "stdout.write-zeroes" => again(times, || {
            let _ = out.check_write();
            out.write_zeroes(size as u64)
        }),
        "stdout.subscribe" => again(times, || out.subscribe()),
        _ => unknown(function),
    }
}

fn files(function: &str, times: u64, size: usize) {
    // Without a folder there is nothing to measure.
    let _ = on_files(function, times, size);
}

fn on_files(function: &str, times: u64, size: usize) -> Result<(), ErrorCode> {
    let Some((folder, _)) = get_directories().into_iter().next() else {
        return Err(ErrorCode::NoEntry);
    };
    let none = OpenFlags::empty();
    let open = |path: &str, how, flags| folder.open_at(PathFlags::empty(), path, how, flags);
    let file = || {
        let both = DescriptorFlags::READ | DescriptorFlags::WRITE;
        open("file", OpenFlags::CREATE, both)
    };
    let deep = "sub/".repeat(size) + "x";
    let piece = vec![b'x'; size];
    match function {
        "files.open" => again(times, || open("file", none, DescriptorFlags::READ)),
        "files.open-folder" => again(times, || open(".", none, DescriptorFlags::READ)),
        "files.stat-at" => again(times, || folder.stat_at(PathFlags::empty(), &deep)),
        "files.stat" => {
            let file = file()?;
            again(times, || file.stat());
        }
        "files.flags" => again(times, || folder.get_flags()),
        "files.read" => {
            let file = file()?;
            again(times, || file.read(size as u64, 0));
        }
        "files.write" => {
            let file = file()?;
            again(times, || file.write(&piece, 0));
        }
        "files.stream-read" => {
            let file = file()?;
            let stream = file.read_via_stream(0)?;
            again(times, || stream.read(size as u64));
        }
        "files.stream-write" => {
            let file = file()?;
            let stream = file.write_via_stream(0)?;
            again(times, || stream.write(&piece));
        }
        "files.stream" => {
            let file = file()?;
            again(times, || file.read_via_stream(0));
        }
        "files.set-size" => {
            let file = file()?;
            again(times, || file.set_size(size as u64));
        }
        "files.sync" => {
            let file = file()?;
            again(times, || {
                let _ = file.write(b"x", 0);
                file.sync()
            });
        }
        "files.list" => again(times, || folder.read_directory()),
        "files.list-entries" => again(times, || {
            if let Ok(entries) = folder.read_directory() {
                while let Ok(Some(_)) = entries.read_directory_entry() {}
            }
        }),
        "files.make-and-remove" => again(times, || {
            let _ = folder.create_directory_at("new");
            folder.remove_directory_at("new")
        }),
        "files.create-and-unlink" => again(times, || {
            drop(open("made", OpenFlags::CREATE, DescriptorFlags::WRITE));
            folder.unlink_file_at("made")
        }),
        "files.rename" => {
            drop(open("one", OpenFlags::CREATE, DescriptorFlags::WRITE));
            again(times, || {
                let _ = folder.rename_at("one", &folder, "two");
                folder.rename_at("two", &folder, "one")
            });
        }
        "files.readlink" => again(times, || folder.readlink_at("file")),
        "files.hash" => again(times, || {
            folder.metadata_hash_at(PathFlags::empty(), "file")
        }),
        "files.preopens" => again(times, get_directories),
        _ => unknown(function),
    }
    Ok(())
}

fn http(function: &str, times: u64, size: usize) {
    let full = || {
        let fields = Fields::new();
        for number in 0..size {
            let _ = fields.append(&format!("x-{number}"), b"value");
        }
        fields
    };
    let text = "/".repeat(size.max(1));
    match function {
        "fields.new" => again(times, Fields::new),
        "fields.append" => {
            let value = vec![b'v'; size];
            again(times, || {
                let fields = Fields::new();
                let _ = fields.append("name", &value);
                fields
            });
        }
        "fields.from-list" => {
            let list: Vec<_> = (0..size)
                .map(|number| (format!("x-{number}"), b"value".to_vec()))
                .collect();
            again(times, || Fields::from_list(&list));
        }
        "fields.entries" => {
            let fields = full();
            again(times, || fields.entries());
        }
        "fields.get" => {
            let fields = full();
            again(times, || fields.get("x-1"));
        }
        "fields.clone-and-append" => {
            let fields = full();
            again(times, || {
                let copy = fields.clone();
                let _ = copy.append("y", b"value");
                copy
            });
        }
        "request.new" => again(times, || OutgoingRequest::new(Fields::new())),
        "request.set-path" => {
            let request = OutgoingRequest::new(Fields::new());
            again(times, || request.set_path_with_query(Some(&text)));
        }
        "request.set-authority" => {
            let request = OutgoingRequest::new(Fields::new());
            let text = "a".repeat(size);
            again(times, || request.set_authority(Some(&text)));
        }
        "request.body" => again(times, || {
            let request = OutgoingRequest::new(Fields::new());
            request.body().map(|body| {
                drop(body.write());
                OutgoingBody::finish(body, None)
            })
        }),
        "request.send-denied" => again(times, || {
            let request = OutgoingRequest::new(Fields::new());
            let _ = request.set_method(&Method::Get);
            let _ = request.set_authority(Some("nowhere.example"));
            let _ = request.set_path_with_query(Some("/"));
            handle(request, None)
        }),
        _ => unknown(function),
    }
}

fn unknown(function: &str) {
    println!("unknown: {function}");
}
