//! The harness: puts questions to a model server, from the command line or as an HTTP service.

pub mod cli;
mod service;
mod shutdown;

pub use service::{Service, ServiceError};
