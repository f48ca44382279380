//! The drivers that posd itself holds: the receipt printer.
