//! The second program.

fn main() {
    println!("second");
}
