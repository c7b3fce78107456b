//! evidence.
