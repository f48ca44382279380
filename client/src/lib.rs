//! A typed client of org.posd.Terminal1.
