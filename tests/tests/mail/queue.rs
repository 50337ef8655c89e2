//! Mails reach a real mail server, and none is lost while there is none.

use std::os::unix::fs::PermissionsExt as _;

use oneclaw_server::config::{Config, MailConfig, SmtpConfig, SmtpSecurity};
use oneclaw_server::service::mail::Letter;
use oneclaw_tests::app::{Database, Human, TestApp};
use oneclaw_tests::smtp::{Manner, SmtpServer};

/// Has a server send its mails there.
pub fn through(smtp: &SmtpServer) -> impl FnOnce(&mut Config) {
    let (host, port) = (smtp.address.ip().to_string(), smtp.address.port());
    move |config| {
        config.mail = MailConfig {
            smtp: Some(SmtpConfig {
                host,
                port,
                security: SmtpSecurity::None,
                credentials: None,
            }),
            from: "Vault <vault@example.com>".to_owned(),
        };
    }
}

/// Queues a mail, as any change does that tells somebody.
pub async fn queue(app: &TestApp, human: &Human, subject: &str, text: &str) {
    let services = &app.running.services;
    let letter = Letter {
        to: "ops@example.com".to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned().into(),
    };
    let org = human.org.parse().unwrap();
    let mail = services
        .compose(Some(org), services.clock.now(), &letter)
        .unwrap();
    services.store.queue_mails(&[mail], &[]).await.unwrap();
}

#[tokio::test]
async fn a_real_mail_server_receives_what_was_queued_once() {
    let smtp = SmtpServer::start(Manner::Willing).await;
    let app = TestApp::start_with(Database::Sqlite, through(&smtp)).await;
    let human = app.human("owner").await;
    let text = "A line.\n.\nA long line with ünïcode: ".to_owned() + &"word ".repeat(300) + "end\n";
    queue(&app, &human, "Grüße\r\nBcc: eve@example.com", &text).await;

    let mails = smtp.wait_for(1).await;
    assert_eq!(mails[0].to, "ops@example.com");
    assert!(mails[0].from.contains("vault@example.com"));
    assert!(!mails[0].subject.contains('\n'));
    assert_eq!(mails[0].text.trim_end(), text.trim_end());
    app.mail_is_settled().await;
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn while_the_mail_server_is_down_nothing_is_lost_and_mails_go_out_when_it_returns() {
    let smtp = SmtpServer::start(Manner::Willing).await;
    let address = smtp.address;
    let app = TestApp::start_with(Database::Sqlite, through(&smtp)).await;
    let human = app.human("owner").await;
    smtp.stop().await;
    for n in 0..5 {
        queue(&app, &human, &format!("mail {n}"), "text").await;
    }
    // It was tried.
    loop {
        let due = app
            .running
            .services
            .store
            .due_mails(app.running.services.clock.now().plus_seconds(3600), 10);
        if due.await.unwrap().iter().any(|mail| mail.attempts > 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // A day later, after a restart, it is still down.
    app.clock.advance_seconds(24 * 3600);
    let database_url =
        secrecy::ExposeSecret::expose_secret(&app.running.services.config.database_url).to_owned();
    let dir = app.stop().await;
    let smtp = SmtpServer::start_on(address, Manner::Willing).await;
    let app = TestApp::start_in(dir, &database_url, through(&smtp)).await;
    app.clock.advance_seconds(24 * 3600 + 600);

    let mails = smtp.wait_for(5).await;
    let mut subjects: Vec<_> = mails.iter().map(|mail| mail.subject.clone()).collect();
    subjects.sort();
    assert_eq!(subjects, ["mail 0", "mail 1", "mail 2", "mail 3", "mail 4"]);
}

#[tokio::test]
async fn a_recipient_that_is_busy_gets_its_mail_later_and_one_that_is_unknown_never() {
    let smtp = SmtpServer::start(Manner::Busy).await;
    let address = smtp.address;
    let app = TestApp::start_with(Database::Sqlite, through(&smtp)).await;
    let human = app.human("owner").await;
    queue(&app, &human, "patience", "text").await;
    let store = &app.running.services.store;
    let later = app.running.services.clock.now().plus_seconds(3600);
    while store.due_mails(later, 10).await.unwrap()[0].attempts == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    smtp.stop().await;
    let smtp = SmtpServer::start_on(address, Manner::Willing).await;
    app.clock.advance_seconds(60);
    assert_eq!(smtp.wait_for(1).await[0].subject, "patience");
    app.mail_is_settled().await;
    smtp.stop().await;

    let _smtp = SmtpServer::start_on(address, Manner::Strict).await;
    queue(&app, &human, "nobody", "text").await;
    app.mail_is_settled().await;
    let counts = store.count_mails().await.unwrap();
    assert_eq!((counts.sent, counts.given_up), (1, 1));
    let told = app.events(&human, "action=mail.give_up").await;
    assert_eq!(told[0]["details"]["recipient"], "ops@example.com");
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_for_five_days_is_given_up() {
    let smtp = SmtpServer::start(Manner::Busy).await;
    let app = TestApp::start_with(Database::Sqlite, through(&smtp)).await;
    let human = app.human("owner").await;
    queue(&app, &human, "patience", "text").await;
    app.clock.advance_seconds(5 * 24 * 3600);
    app.mail_is_settled().await;
    let counts = app.running.services.store.count_mails().await.unwrap();
    assert_eq!((counts.sent, counts.given_up), (0, 1));
}

#[tokio::test]
async fn without_a_mail_server_mails_become_files_that_only_the_server_can_read() {
    let app = TestApp::start().await;
    let human = app.human("owner").await;
    queue(&app, &human, "A subject", "The text\n").await;
    let mail = app.mail_to("ops@example.com").await;
    assert_eq!(mail.subject, "A subject");
    assert_eq!(mail.text.trim_end(), "The text");
    let outbox = app.dir.path().join("outbox");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&outbox), 0o700);
    for file in std::fs::read_dir(&outbox).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_mail_waits_sealed_and_is_wiped_when_it_is_sent() {
    const MARKER: &str = "mArKeR-in-a-mail-40b1";
    let smtp = SmtpServer::start(Manner::Busy).await;
    let app = TestApp::start_with(Database::Sqlite, through(&smtp)).await;
    let human = app.human("owner").await;
    queue(&app, &human, MARKER, MARKER).await;
    smtp.wait_for_connections(1).await;
    for file in std::fs::read_dir(app.dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(MARKER.len())
                .any(|part| part == MARKER.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
