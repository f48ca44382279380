//! System tests on a private bus. Each test's name says the rule or the promise that it holds to.

mod clients;
mod owners;
