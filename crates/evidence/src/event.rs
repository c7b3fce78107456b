//! Events of the custody log.
