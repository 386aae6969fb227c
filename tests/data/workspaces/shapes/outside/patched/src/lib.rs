pub fn name() -> &'static str {
    "patched"
}
