//! Strict JSON: duplicate keys, unknown fields and floats are refused.
