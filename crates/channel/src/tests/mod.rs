//! Whole sessions between a keep and a broker, honest and attacked.

mod mail;
mod order;
mod records;
mod relay;
mod rig;
mod run;
