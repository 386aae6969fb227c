pub fn number() -> u8 {
    return 3;
}
