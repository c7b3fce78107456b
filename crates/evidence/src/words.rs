//! A digest as eight words, to compare with paper.
