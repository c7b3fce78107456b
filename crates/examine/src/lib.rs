//! examine.
