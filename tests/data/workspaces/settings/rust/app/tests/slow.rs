#[test]
fn never_ends() {
    std::thread::sleep(std::time::Duration::from_secs(3600));
}
