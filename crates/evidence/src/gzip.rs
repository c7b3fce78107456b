//! Reading one gzip member, strictly.
