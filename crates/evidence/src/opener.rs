//! Opening age files: nothing is released before the last chunk verifies.
