//! The three stories, tamper, interop and vectors, run against the real programs.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "this crate is for tests alone: its helpers stop a test that cannot go on"
)]

pub mod reading;
pub mod story;
