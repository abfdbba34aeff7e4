#[test]
fn zz_wat() {
    let Ok(dir) = std::env::var("RT_WAT") else {
        return;
    };
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "wat") {
            match wat::parse_file(&path) {
                Ok(bytes) => std::fs::write(path.with_extension("wasm"), bytes).unwrap(),
                Err(error) => println!("{}: {error}", path.display()),
            }
        }
    }
}
