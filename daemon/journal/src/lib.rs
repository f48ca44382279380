//! Durable memory: the SQLite journal.
