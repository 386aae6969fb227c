//! The `harness` program from outside: its command line, its HTTP service, its end.

mod ask;
mod serve;
mod support;
