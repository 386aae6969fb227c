//! An example with a test.

fn main() {}

#[test]
fn an_example_is_tested() {
    assert_eq!(features::NUMBER, 7);
}
