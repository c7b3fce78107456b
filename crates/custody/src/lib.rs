//! custody.

pub mod durable;
pub mod identities;
pub mod keys;
pub mod random;
pub mod size_class;
mod zipper;
