//! Uses each dependency.

/// What they say.
#[must_use]
pub fn said() -> [&'static str; 4] {
    [
        leaf::VERSION,
        older::VERSION,
        from_git::WHERE,
        needs_patched::patched(),
    ]
}

#[cfg(test)]
mod tests {
    use for_tests as _;

    #[test]
    fn programs_are_called_at_build_time() {
        assert_eq!(env!("PROGRAMS"), "cmake git protoc");
    }
}
