//! What evidence means: records, ledgers, manifests, seals, custody logs, and the checks over them.
//!
//! This crate reads no files, asks no clock and draws no randomness. Callers
//! hand it bytes; it hands back values. The same code runs in `ambit-verify`
//! and in a browser.
//!
//! Start with [`ledger`] (the examiner), [`verify`] (the lawyer), [`replay`] (the auditor).

pub mod commit;
pub mod holder;
pub mod inventory;
pub mod item;
pub mod ledger;
pub mod manifest;

pub mod acquisition;
pub mod approval;
pub mod attestation;
pub mod checkpoint;
pub mod custody_log;
pub mod event;
pub mod order_time;
pub mod trust;

pub mod bag;
pub mod files;
pub mod gzip;
pub mod helpers;
pub mod opener;
pub mod sshsig;
pub mod strict;
pub mod tree;
pub mod words;
pub mod zip_strict;

pub mod listing;
pub mod replay;
pub mod report;
pub mod sample;
pub mod verify;

pub mod sorter;
