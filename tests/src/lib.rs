//! What the tests share: a whole server, its clock, real databases, and the actors that talk to it.

pub mod anvil;
pub mod app;
pub mod browser;
pub mod clock;
pub mod mail;
pub mod postgres;
pub mod receiver;
pub mod rpc_faults;
pub mod smtp;
