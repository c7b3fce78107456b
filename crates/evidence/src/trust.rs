//! The trust file: whom the verifier believes.
