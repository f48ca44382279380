//! The process: D-Bus objects, authorisation, host link, wiring.
