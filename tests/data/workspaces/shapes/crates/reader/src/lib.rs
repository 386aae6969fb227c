//! What was read.

/// By the build script.
pub const BUILT: &str = env!("WORDS");
/// By the compiler.
pub const INCLUDED: &str = include_str!("../../../words.txt");

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn files_outside_of_the_package_are_read() {
        assert_eq!(super::BUILT, "words of the source");
        assert_eq!(super::INCLUDED.trim(), super::BUILT);
    }

    #[test]
    fn the_configuration_counts() {
        assert_eq!(u8::from(cfg!(configured)), 1);
        assert_eq!(env!("SHAPES_VALUE"), "from the configuration");
    }

    #[test]
    fn a_profile_of_its_own_for_tests_counts() {
        assert_eq!(
            i32::MAX.wrapping_add(std::hint::black_box(1)),
            std::hint::black_box(i32::MAX) + std::hint::black_box(1)
        );
    }

    fn top() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn links_are_links() {
        for (name, target) in [
            ("dangling", "nowhere"),
            ("absolute", "/nowhere/at/all"),
            ("cyclic", "cyclic"),
            ("up", ".."),
        ] {
            let link = top().join("links").join(name);
            assert_eq!(std::fs::read_link(&link).expect(name), Path::new(target));
        }
    }

    #[test]
    fn odd_names_modes_and_empty_folders_survive() {
        use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};
        let odd = top().join("odd");
        let mode = |name: &[u8]| {
            let path = odd.join(std::ffi::OsStr::from_bytes(name));
            std::fs::symlink_metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(b"a \n'\"* name") & 0o111, 0);
        assert_eq!(mode(b"latin-\xe9") & 0o200, 0o200);
        assert_eq!(mode(b"program") & 0o111, 0o111);
        assert_eq!(
            std::fs::read_dir(odd.join("empty"))
                .expect("it is there")
                .count(),
            0
        );
    }

    #[test]
    fn a_folder_called_target_is_not_cargos_by_its_name() {
        assert!(top().join("deep/target/kept.txt").exists());
        assert!(top().join("target/kept.txt").exists());
    }
}
