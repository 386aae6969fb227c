fn main() {
    println!("{} {}", shared::NAME, leaf::VERSION);
}

#[test]
fn a_workspace_may_be_in_a_folder() {
    assert_eq!(shared::NAME, "shared");
}
