//! Checkpoints: signed heads of a custody log (C2SP tlog-checkpoint).
