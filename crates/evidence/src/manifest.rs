//! The manifest inside a part: what its reader may see.
