//! Records: one for every item.
