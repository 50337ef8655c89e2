//! HTTP: what comes in is checked and handed to the services, what comes out is given its wire form. No rules here.

pub mod docs;
pub mod extract;
pub mod layers;
pub mod listen;
pub mod openapi;
pub mod pages;
pub mod problem;
pub mod router;
pub mod routes;
