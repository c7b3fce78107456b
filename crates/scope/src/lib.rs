//! The scoping policy: what the order allows to be looked at and taken.
//!
//! This crate reads no files, asks no clock and draws no randomness. Callers
//! hand it bytes and facts; it hands back decisions.

pub mod digest;
pub mod facts;
pub mod name;
pub mod outcome;

pub use digest::Digest;
pub use name::RawName;
pub use outcome::{Decision, Outcome, Step, Tier};
