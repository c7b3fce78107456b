//! The three stories, tamper, interop and vectors, run against the real programs.
