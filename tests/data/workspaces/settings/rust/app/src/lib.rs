//! Refers to [nowhere], which rustdoc warns of.

#[cfg(not(feature = "extra"))]
compile_error!("the feature is not on");

/// Clippy warns of the `return`, and is asked not to.
///
/// ```
/// assert_eq!(app::two(), 2);
/// assert_eq!(std::env::var("SETTING").unwrap(), "from pipeline.toml");
/// assert!(std::env::var_os("HOME").is_some_and(|home| std::path::Path::new(&home).is_dir()));
/// ```
pub fn two() -> u32 {
    return 2;
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_variable_is_set() {
        assert_eq!(std::env::var("SETTING").unwrap(), "from pipeline.toml");
        assert_eq!(env!("SETTING"), "from pipeline.toml");
        assert_eq!(super::two(), 2);
    }

    #[test]
    fn programs_are_there() {
        for program in ["less", "protoc"] {
            assert!(std::process::Command::new(program).arg("--version").status().unwrap().success());
        }
    }

    #[test]
    fn passes_at_the_second_attempt() {
        let mark = std::env::temp_dir().join("tried-before");
        let tried = mark.exists();
        std::fs::write(&mark, "").unwrap();
        assert!(tried);
    }

    #[test]
    fn needs_a_cluster() {
        panic!("the filter leaves this out");
    }
}
