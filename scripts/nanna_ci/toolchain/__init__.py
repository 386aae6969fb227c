"""Messages and environment of Rust's own tools, for every domain that runs them: values, no effects."""
