//! Ending on request.

/// Calls `stop` at the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// Where there are no such signals, nothing is installed, and Ctrl-C ends the process.
///
/// # Errors
/// The system's own, where it refuses a handler.
#[cfg(unix)]
pub(crate) fn on_request(stop: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::spawn(move || {
        let mut stop = Some(stop);
        for signal in signals.forever() {
            match stop.take() {
                Some(stop) => stop(),
                None => std::process::exit(128 + signal),
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn on_request(_stop: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    Ok(())
}
