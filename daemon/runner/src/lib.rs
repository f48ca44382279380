//! Performs the terminal's effects in order and feeds events back.
