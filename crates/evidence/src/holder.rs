//! What a holder of a set checks: rows, objects and inventory lines, one to one.
