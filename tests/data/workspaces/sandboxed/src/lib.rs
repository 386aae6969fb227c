//! What tests ask of the machine that they run on.

#[cfg(test)]
mod tests {
    use std::io::IsTerminal;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::{env, fs};

    #[test]
    fn a_user_has_a_name() {
        assert!(!env::var("USER").unwrap().is_empty());
        assert_eq!(env::var("USER"), env::var("LOGNAME"));
    }

    #[test]
    fn home_can_be_written() {
        let home = env::home_dir().unwrap();
        fs::write(home.join(".config-of-a-test"), "x").unwrap();
    }

    #[test]
    fn the_runtime_folder_is_the_users_alone() {
        let folder = env::var("XDG_RUNTIME_DIR").unwrap();
        fs::write(Path::new(&folder).join("socket"), "x").unwrap();
        assert_eq!(
            fs::metadata(folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn the_time_zone_is_known() {
        assert_eq!(env::var("TZ").unwrap(), "UTC");
    }

    #[test]
    fn there_is_no_terminal() {
        assert_eq!(env::var("TERM").unwrap(), "dumb");
        assert!(!std::io::stdin().is_terminal());
        assert!(!std::io::stdout().is_terminal());
    }

    #[test]
    fn a_file_is_of_a_time_that_zip_files_know() {
        let time = fs::metadata(file!()).unwrap().modified().unwrap();
        let year_1980 = std::time::UNIX_EPOCH + std::time::Duration::from_secs(315_532_800);
        assert!(time > year_1980);
    }

    #[test]
    fn a_test_may_call_cargo_on_a_workspace_of_its_own() {
        let folder = env::temp_dir().join("other-workspace");
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(
            folder.join("Cargo.toml"),
            "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        )
        .unwrap();
        fs::write(folder.join("src/lib.rs"), "").unwrap();
        let mut cargo = std::process::Command::new("cargo");
        assert!(
            cargo
                .arg("build")
                .current_dir(&folder)
                .status()
                .unwrap()
                .success()
        );
        assert!(folder.join("target/debug/libother.rlib").is_file());
    }

    #[test]
    fn links_are_links() {
        for (name, target) in [
            ("dangling", "target/not-built"),
            ("absolute", "/etc/passwd"),
            ("cyclic", "cyclic"),
        ] {
            assert_eq!(fs::read_link(name).unwrap(), Path::new(target));
        }
    }
}
