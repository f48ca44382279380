//! A software EMV card.
