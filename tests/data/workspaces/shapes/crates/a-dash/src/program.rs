//! A program with an underscore, of a package with a dash.

fn main() {
    println!("under_score");
}

#[test]
fn a_dash_has_a_program_with_an_underscore() {
    assert_eq!(env!("CARGO_PKG_NAME"), "a-dash");
    assert_eq!(env!("CARGO_BIN_NAME"), "under_score");
}
