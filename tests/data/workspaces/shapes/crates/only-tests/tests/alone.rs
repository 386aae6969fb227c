//! A package without a library or a program.

#[test]
fn a_package_may_be_tests_alone() {}
