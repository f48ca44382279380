//! The card under a terminal that asks in order and believes everything.

mod certificates;
mod commands;
mod known_answers;
mod misbehaviour;
mod purchase;
mod terminal;
mod vpcd;
