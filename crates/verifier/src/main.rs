//! ambit-verify.

fn main() {}
