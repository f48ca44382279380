//! System tests on a private bus.
