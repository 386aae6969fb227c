"""What Rust's own tools say and what they are given, for every domain that runs them: values, no effects."""
