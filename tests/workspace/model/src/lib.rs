//! Chat completions of an OpenAI-style model server (Ollama, llama.cpp and others), over plain HTTP.
//!
//! [`chat`] has the wire format, [`Client`] sends a request and tries again as [`RetryPolicy`] says,
//! [`ModelError`] tells what went wrong and at which address.

pub mod chat;
mod client;
mod endpoint;
mod error;
mod retry;

pub use client::{Client, Completion};
pub use endpoint::Endpoint;
pub use error::ModelError;
pub use retry::RetryPolicy;
