//! Scheduled jobs are done by one server at a time, and by another one when it dies.

use std::time::{Duration, Instant};

use oneclaw_server::config::RootKeySource;
use oneclaw_tests::app::{Database, TestApp};
use oneclaw_tests::smtp::{Manner, SmtpServer};
use secrecy::ExposeSecret as _;

use crate::queue::{queue, through};

/// One more server on the database of another.
async fn beside(first: &TestApp, smtp: &SmtpServer) -> TestApp {
    let database = first
        .running
        .services
        .config
        .database_url
        .expose_secret()
        .to_owned();
    let key = first.dir.path().join("root.key");
    let mail = through(smtp);
    TestApp::start_in(tempfile::tempdir().unwrap(), &database, |config| {
        mail(config);
        config.root_key = RootKeySource::File(key);
    })
    .await
}

#[tokio::test]
async fn two_servers_on_one_database_send_each_mail_once() {
    let smtp = SmtpServer::start(Manner::Willing).await;
    let first = TestApp::start_with(Database::Postgres, through(&smtp)).await;
    let second = beside(&first, &smtp).await;
    let human = first.human("owner").await;
    for n in 0..30 {
        let app = if n % 2 == 0 { &first } else { &second };
        queue(app, &human, &format!("mail {n}"), "text").await;
    }
    smtp.wait_for(30).await;
    first.mail_is_settled().await;
    let mut ids: Vec<String> = smtp.mails().into_iter().map(|mail| mail.id).collect();
    assert_eq!(ids.len(), 30);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
}

#[tokio::test]
async fn two_servers_on_one_database_do_a_job_once() {
    let smtp = SmtpServer::start(Manner::Willing).await;
    let first = TestApp::start_with(Database::Postgres, through(&smtp)).await;
    let store = &first.running.services.store;
    let now = first.running.services.clock.now();
    // Both look for it as soon as they are there.
    let second = beside(&first, &smtp).await;
    second.human("owner").await;
    let limit = Instant::now() + Duration::from_secs(60);
    let done = loop {
        match store.job("purge").await.unwrap() {
            Some(job) if job.due_at > now => break job,
            _ => assert!(Instant::now() < limit, "nobody did the job"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(done.lease.token, 1, "it was done once");
    assert_eq!(done.due_at, now.plus_seconds(600));
    assert_eq!(done.leased_until.as_millis(), 0, "it was given back");
    let (one, other) = (&first.running.services, &second.running.services);
    assert!([one.node, other.node].contains(&done.lease.owner));
    for services in [one, other] {
        assert_eq!(services.claim_job("purge").await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_a_dead_server_was_sending_is_sent_by_another() {
    let mute = SmtpServer::start(Manner::Mute).await;
    let first = TestApp::start_with(Database::Postgres, through(&mute)).await;
    let human = first.human("owner").await;
    queue(&first, &human, "inheritance", "text").await;
    // It hangs in the middle of sending, and goes on holding the job.
    mute.wait_for_connections(1).await;
    let willing = SmtpServer::start(Manner::Willing).await;
    let second = beside(&first, &willing).await;
    second.human("other").await;
    assert!(willing.mails().is_empty());
    // To the second server half a minute passes without a word from the first, as if that were dead.
    second.clock.advance_seconds(31);
    let mails = willing.wait_for(1).await;
    assert_eq!(mails[0].subject, "inheritance");
    second.mail_is_settled().await;
    assert_eq!(
        second
            .running
            .services
            .store
            .count_mails()
            .await
            .unwrap()
            .sent,
        1
    );
}
