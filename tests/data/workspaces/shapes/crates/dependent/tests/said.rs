//! Uses a dependency of the tests' own.

use {from_git as _, leaf as _, needs_patched as _, older as _};

#[test]
fn two_versions_of_one_crate_and_a_git_dependency_are_built() {
    let [newer, older, git, _] = dependent::said();
    assert_eq!((newer, older, git), ("2", "1", "a git repository"));
    assert!(for_tests::is_there());
}

#[test]
fn a_patch_by_path_reaches_a_crate_of_the_registry() {
    assert_eq!(dependent::said()[3], "patched");
}
