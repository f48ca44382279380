//! The words spoken between posd and the secure module.
