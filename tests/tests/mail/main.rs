//! Mails, the jobs that send them, and what is done by mail.

mod enrolment;
mod jobs;
mod queue;
mod recovery;
mod uniform;
