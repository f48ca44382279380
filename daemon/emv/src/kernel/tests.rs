//! The steps against a scripted card. Test names carry the number of the check that they are for.

mod attacks;
mod card;
mod completion;
mod cvm;
mod decision;
mod general;
mod initiation;
mod issuer;
mod offline;
mod packaged;
mod properties;
mod records;
mod restrictions;
mod risk;
mod scripts;
mod selection;
mod world;
