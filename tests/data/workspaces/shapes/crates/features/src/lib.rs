//! A library.

/// A number.
pub const NUMBER: u8 = 7;
