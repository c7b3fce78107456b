//! The ledger: one record for every item, for the auditor and the court.
