//! The three stories, tamper, interop and vectors, run against the real programs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::sliced_string_as_bytes,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

pub mod archives;
pub mod failing;
pub mod forge;
pub mod hazard;
pub mod power;
pub mod random;
pub mod reading;
pub mod second;
pub mod story;
