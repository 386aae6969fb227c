//! A member with a member in it.
