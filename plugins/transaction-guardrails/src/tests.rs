//! What the plugin answers, seen from outside: settings as core writes them, requests as the host sends them.

mod base;
mod budgets;
mod effects;
mod limits;
mod model;
mod settings;
mod typed;
