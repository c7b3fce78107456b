//! The approval of a policy.
