//! Scheduled jobs are done by one server at a time, and by another one when it dies.

use oneclaw_server::config::RootKeySource;
use oneclaw_tests::app::{Database, TestApp};
use oneclaw_tests::smtp::{Manner, SmtpServer};
use secrecy::ExposeSecret as _;

use crate::queue::{queue, through};

/// One more server on the database of another.
async fn beside(first: &TestApp, smtp: &SmtpServer) -> TestApp {
    let database = first.running.services.config.database_url.expose_secret().to_owned();
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
    let nobody = uuid::Uuid::nil();
    // Both look for it at their start; it is due again ten minutes later.
    let second = beside(&first, &smtp).await;
    second.human("owner").await;
    let claim = |at| store.claim_job("purge", nobody, at, now.plus_seconds(7200));
    let mut done = claim(now).await.unwrap();
    assert_eq!(done.take(), None, "it was done, or is being done");
    let lease = loop {
        // Held for at most half a minute, and then due in ten.
        match claim(now.plus_seconds(599)).await.unwrap() {
            None => break claim(now.plus_seconds(600)).await.unwrap(),
            Some(lease) => panic!("it was not done: {lease:?}"),
        }
    };
    assert_eq!(lease.unwrap().token, 2, "it was done once");
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
    assert_eq!(second.running.services.store.count_mails().await.unwrap().sent, 1);
}
