//! A benchmark without a harness.

fn main() {
    assert_eq!(features::NUMBER, 7);
}
