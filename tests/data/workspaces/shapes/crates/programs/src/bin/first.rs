//! The first program.

fn main() {
    println!("first");
}
