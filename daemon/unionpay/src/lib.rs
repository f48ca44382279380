//! The host's language: the UnionPay POS ISO 8583 dialect.
