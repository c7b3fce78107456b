//! The inventory: one blinded line for every item.
