//! The `orrery` program from outside.

use std::process::Command;

fn orrery(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_orrery"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn positions_are_printed_a_planet_a_line() {
    let (code, stdout, stderr) = orrery(&["--planet", "Earth", "--planet", "Mars", "0"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        stdout,
        "Earth     100.38°   0.983 au\nMars      359.43°   1.391 au\n"
    );
}

#[test]
fn a_mistake_is_exit_code_2_and_said_on_standard_error() {
    let (code, stdout, stderr) = orrery(&["soon"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.starts_with("orrery: "), "{stderr}");
}
