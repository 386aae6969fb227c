//! Built with the feature alone.

#[cfg(not(feature = "extra"))]
compile_error!("built without its required feature");

#[allow(dead_code, missing_docs)]
fn main() {}
