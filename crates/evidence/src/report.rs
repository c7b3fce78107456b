//! The report: checks, verdicts, what was not checked.
