//! The auditor's replay: facts, trits, outcome.
