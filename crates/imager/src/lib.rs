//! imager.
