//! The secure module with simulated devices, and a printer that draws.
