//! Reading the zip profile, strictly and in one pass.
