#[cfg(test)]
mod tests {
    /// It counts its tries in a file, and passes at the second.
    #[test]
    fn shaky() {
        let counter = std::env::temp_dir().join("tries");
        let tries = std::fs::read_to_string(&counter).unwrap_or_default() + "x";
        std::fs::write(&counter, &tries).unwrap();
        assert_eq!(tries, "xx");
    }

    #[test]
    fn steady() {}
}
