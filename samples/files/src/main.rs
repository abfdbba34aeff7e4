fn main() {
    println!("toll");
}
