//! A member in a folder of a member.

#[test]
fn a_member_is_in_a_member() {}
