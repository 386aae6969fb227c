//! A member deep in the tree.

#[test]
fn a_member_is_deep_in_the_tree() {}
