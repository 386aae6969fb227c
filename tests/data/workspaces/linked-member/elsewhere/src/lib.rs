#[test]
fn a_member_may_be_behind_a_link() {}
