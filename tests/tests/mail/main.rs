//! Mails, the jobs that send them, and what is done by mail.

mod jobs;
mod queue;
