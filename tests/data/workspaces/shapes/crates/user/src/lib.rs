//! Uses a member's macro, and a package that is beside the workspace.

/// Two numbers.
#[must_use]
pub fn numbers() -> (u8, u8) {
    (macros::seven!(), beside::number())
}

#[test]
fn a_member_is_a_procedural_macro_and_a_path_dependency_is_not_a_member() {
    assert_eq!(numbers(), (7, 3));
}
