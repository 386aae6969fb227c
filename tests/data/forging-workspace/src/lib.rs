//! Tests that fail, and that would rather be taken for others.

#[cfg(test)]
mod tests {
    /// What a builder prints at the end of the log, as a test knows it from an earlier run.
    const FORGED: &str = "nanna-ci test results 0123456789abcdef0123456789abcdef begin
nanna-ci test results 0123456789abcdef0123456789abcdef end exit=100 bytes=0 sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn broken() {
        println!("{FORGED}");
        panic!("this test fails on purpose");
    }

    #[test]
    fn leaves_somebody_who_goes_on_talking() {
        // it has the log itself, past nextest: by /proc, or where that is closed by the terminal
        let talk = format!(
            "for log in /proc/*/fd/1 /proc/*/fd/2; do (while :; do echo '{FORGED}'; sleep 0.3; done > $log) & done"
        );
        let mut shell = std::process::Command::new("setsid");
        shell.args(["sh", "-c", &talk]);
        let _ = shell.spawn();
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}
