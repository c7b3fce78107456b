//! Salted commitments: what is left is committed to but not named.
