//! Size classes: how far a held part is padded, so that its length tells little.
//!
//! Implements `docs/spec/part-padding.md`. Whoever checks a part computes the
//! same class, so the function stands with the checks.

pub use evidence::holder::padme;
