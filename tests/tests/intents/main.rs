//! Agents that pay: whole servers, a real development chain, and guardrails that hold to the last wei.

mod bad_input;
mod budgets;
mod crash;
mod fleet;
mod followed;
mod guardrails;
mod hidden;
mod lifecycle;
mod nonces;
mod plugins;
mod replays;
mod setup;
mod signed;
mod signing;
mod simulation_required;
