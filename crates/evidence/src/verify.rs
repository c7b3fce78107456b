//! Verification, check by check.
