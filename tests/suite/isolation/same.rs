//! Every door, through a process and without one.

use super::load;

#[test]
fn smoke() {
    let provider = load("echo", "");
    let start = std::time::Instant::now();
    let report = provider.session().run(b"hello").unwrap();
    println!("{:?} {report:?}", start.elapsed());
    let mut session = provider.session();
    session.run(b"x").unwrap();
    let start = std::time::Instant::now();
    for _ in 0..100 {
        session.run(b"x").unwrap();
    }
    println!("{:?} each", start.elapsed() / 100);
    println!("{:?}", session.wave("run([104, 105])").unwrap());
}
