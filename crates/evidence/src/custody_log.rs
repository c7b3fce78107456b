//! The custody log: signed, chained entries.
