//! `tollgate serve`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use support::cli::{command, run};
use support::harness::{guest_file, in_time};

use super::{post, reply};

#[test]
fn a_folder_is_served_until_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest_file("counter"), folder.path().join("counter.wasm")).unwrap();
    std::fs::write(folder.path().join("counter.toml"), "").unwrap();
    let folder_name = folder.path().to_str().unwrap();
    let mut program = command(&["serve", folder_name, "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
    let (address, lines) = in_time(move || {
        let line = lines.find_map(|line| {
            Some(
                line.unwrap()
                    .strip_prefix("listening on http://")?
                    .to_owned(),
            )
        });
        (line.unwrap(), lines)
    });
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .write_all(post("counter/next", "", "{}").as_bytes())
        .unwrap();
    assert_eq!(reply(&mut stream).unwrap().body, "{\"result\":1}");
    let id = rustix::process::Pid::from_child(&program);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let status = in_time(move || (program.wait().unwrap(), program.stdout.take()));
    assert_eq!(status.0.code(), Some(0));
    let mut result = Vec::new();
    status.1.unwrap().read_to_end(&mut result).unwrap();
    assert!(result.is_empty(), "stdout is for results");
    drop(lines);
}

#[test]
fn an_open_address_without_tokens_is_a_mistake() {
    let told = run(&["serve", ".", "--listen", "0.0.0.0:0"]);
    assert_eq!(told.status.code(), Some(2));
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(
        told.contains("add --tokens FILE, or listen on 127.0.0.1"),
        "{told}"
    );
    let tokens = tempfile::NamedTempFile::new().unwrap();
    let told = run(&["serve", ".", "--tokens", tokens.path().to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(2));
    assert!(
        String::from_utf8(told.stderr)
            .unwrap()
            .contains("no token in this file")
    );
}
