//! Whole explanations.
