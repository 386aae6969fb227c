//! Runs a program of this package.

use std::process::Command;

#[test]
fn the_default_program_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_second"))
        .output()
        .expect("it starts");
    assert_eq!(output.stdout, b"second\n");
}
