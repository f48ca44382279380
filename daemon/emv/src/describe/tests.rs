//! Tests of the descriptions.
