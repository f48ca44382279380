//! The configuration file, for the daemon and for whoever writes one (`posctl setup`).

pub mod configuration;
