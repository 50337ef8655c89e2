//! The host as its users meet it, run against guests that behave and guests that do not.

#[cfg(test)]
mod artefacts;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod common;
#[cfg(test)]
mod components;
#[cfg(test)]
mod decide;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod load;
#[cfg(test)]
mod sign;
