//! The public statement of an acquisition.
