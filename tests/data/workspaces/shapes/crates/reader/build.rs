//! Reads a file of the source that is not the package's.

fn main() {
    let words = std::fs::read_to_string("../../words.txt").expect("the file is there");
    println!("cargo::rerun-if-changed=../../words.txt");
    println!("cargo::rustc-env=WORDS={}", words.trim());
}
