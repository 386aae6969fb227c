//! Stands on a crate that calls programs when it is built.

fn main() {
    println!("cargo::rustc-env=PROGRAMS={}", needs_programs::PROGRAMS);
}
