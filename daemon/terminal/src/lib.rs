//! What a terminal is: the flow of a transaction, recovery and queue policy.
