//! Mails that wait, and the jobs that one server does at a time.

use oneclaw_store::{Lease, NewMail, StoreError};
use uuid::Uuid;

use crate::stage::{Stage, at, event, id, open};

crate::stories!(
    a_mail_is_queued_with_its_event_or_not_at_all,
    a_mail_is_wiped_once_it_is_settled,
    a_mail_that_was_refused_waits_for_its_next_attempt,
    who_has_lost_the_job_settles_nothing,
    of_many_servers_one_gets_the_job,
    a_dead_servers_job_is_taken_over_and_it_comes_back_to_nothing,
    a_job_is_done_again_when_it_is_due,
    a_server_that_stops_gives_its_jobs_back,
);

fn mail(recipient: &str) -> NewMail {
    NewMail {
        id: id(),
        org_id: None,
        recipient: recipient.to_owned(),
        sealed: vec![1, 2, 3],
        queued_at: at(10),
    }
}

async fn lease(stage: &Stage) -> Lease {
    let claimed = stage.store.claim_job("mail", id(), at(20), at(50)).await;
    claimed.unwrap().unwrap()
}

async fn a_mail_is_queued_with_its_event_or_not_at_all(stage: Stage) {
    let (org, _) = stage.account().await;
    let (first, second) = (mail("a@example.com"), mail("b@example.com"));
    let recorded = event(&org, "share.create");
    stage
        .store
        .queue_mails(
            std::slice::from_ref(&first),
            std::slice::from_ref(&recorded),
        )
        .await
        .unwrap();
    assert!(!stage.store.has_due_mail(at(9)).await.unwrap());
    assert!(stage.store.has_due_mail(at(10)).await.unwrap());

    // The same event cannot be recorded twice, so the second mail is not queued either.
    let refused = stage.store.queue_mails(&[second], &[recorded]).await;
    assert_eq!(refused, Err(StoreError::Conflict("event")));
    let due = stage.store.due_mails(at(10), 100).await.unwrap();
    let due: Vec<NewMail> = due.into_iter().map(|waiting| waiting.mail).collect();
    assert_eq!(due, [first]);
}

async fn a_mail_is_wiped_once_it_is_settled(stage: Stage) {
    let (org, _) = stage.account().await;
    let (sent, given_up) = (mail("a@example.com"), mail("b@example.com"));
    let store = &stage.store;
    store
        .queue_mails(&[sent.clone(), given_up.clone()], &[])
        .await
        .unwrap();
    let lease = lease(&stage).await;
    store.settle_mail(&lease, sent.id, at(30)).await.unwrap();
    let told = event(&org, "mail.give_up");
    store
        .give_mail_up(
            &lease,
            given_up.id,
            at(30),
            "nobody of that name",
            Some(told),
        )
        .await
        .unwrap();

    assert!(
        store
            .due_mails(at(1_000_000), 100)
            .await
            .unwrap()
            .is_empty()
    );
    let left = "SELECT count(sealed) FROM mails";
    assert_eq!(stage.number(left).await, 0);
    let counts = store.count_mails().await.unwrap();
    assert_eq!((counts.waiting, counts.sent, counts.given_up), (0, 1, 1));
    assert_eq!(
        store.settle_mail(&lease, sent.id, at(31)).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(stage.actions(org.id).await.last().unwrap(), "mail.give_up");

    let day = 24 * 3600 * 1000;
    store.purge_expired(at(29 * day)).await.unwrap();
    assert_eq!(store.count_mails().await.unwrap().sent, 1);
    store.purge_expired(at(31 * day)).await.unwrap();
    let counts = store.count_mails().await.unwrap();
    assert_eq!((counts.sent, counts.given_up), (0, 0));
}

async fn a_mail_that_was_refused_waits_for_its_next_attempt(stage: Stage) {
    let store = &stage.store;
    let (refused, other) = (mail("a@example.com"), mail("b@example.com"));
    store
        .queue_mails(&[refused.clone(), other.clone()], &[])
        .await
        .unwrap();
    let lease = lease(&stage).await;
    let reason = "450 greylisted \0".repeat(100);
    store
        .postpone_mail(&lease, refused.id, at(500), &reason)
        .await
        .unwrap();
    let due = store.due_mails(at(499), 100).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].mail, other);
    let due = store.due_mails(at(500), 100).await.unwrap();
    assert_eq!((&due[1].mail, due[1].attempts), (&refused, 1));
    store.purge_expired(at(i64::MAX / 2)).await.unwrap();
    assert_eq!(store.count_mails().await.unwrap().waiting, 2);
}

async fn who_has_lost_the_job_settles_nothing(stage: Stage) {
    let store = &stage.store;
    let waiting = mail("a@example.com");
    store
        .queue_mails(std::slice::from_ref(&waiting), &[])
        .await
        .unwrap();
    let old = lease(&stage).await;
    store
        .claim_job("mail", id(), at(50), at(80))
        .await
        .unwrap()
        .unwrap();
    let lost = Err(StoreError::Conflict("lease"));
    assert_eq!(store.settle_mail(&old, waiting.id, at(51)).await, lost);
    assert_eq!(
        store.postpone_mail(&old, waiting.id, at(99), "x").await,
        lost
    );
    assert_eq!(
        store
            .give_mail_up(&old, waiting.id, at(51), "x", None)
            .await,
        lost
    );
    assert_eq!(store.due_mails(at(51), 100).await.unwrap()[0].attempts, 0);
}

async fn of_many_servers_one_gets_the_job(stage: Stage) {
    // Servers of their own, with connections of their own.
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = open(&stage.url).await;
        servers.spawn(async move { store.claim_job("purge", id(), at(1), at(30)).await });
    }
    let claims: Vec<Option<Lease>> = servers
        .join_all()
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(claims.iter().flatten().count(), 1, "{claims:?}");
    // Another job is another matter.
    let other = stage.store.claim_job("mail", id(), at(1), at(30)).await;
    assert!(other.unwrap().is_some());
}

async fn a_dead_servers_job_is_taken_over_and_it_comes_back_to_nothing(stage: Stage) {
    let store = &stage.store;
    let (dead, heir) = (id(), id());
    let claim = |owner: Uuid, now: i64| store.claim_job("purge", owner, at(now), at(now + 30));
    let old = claim(dead, 1).await.unwrap().unwrap();
    store.renew_lease(&old, at(40)).await.unwrap();
    assert_eq!(claim(heir, 39).await.unwrap(), None);
    let new = claim(heir, 40).await.unwrap().unwrap();
    assert_eq!((new.owner, new.token), (heir, old.token + 1));

    let lost = Err(StoreError::Conflict("lease"));
    assert_eq!(store.renew_lease(&old, at(100)).await, lost);
    assert_eq!(store.end_lease(&old, at(100)).await, lost);
    store.renew_lease(&new, at(100)).await.unwrap();
}

async fn a_job_is_done_again_when_it_is_due(stage: Stage) {
    let store = &stage.store;
    let claim = |now: i64| store.claim_job("purge", id(), at(now), at(now + 30));
    let lease = claim(1).await.unwrap().unwrap();
    store.end_lease(&lease, at(600)).await.unwrap();
    assert_eq!(claim(599).await.unwrap(), None);
    assert!(claim(600).await.unwrap().is_some());
}

async fn a_server_that_stops_gives_its_jobs_back(stage: Stage) {
    let store = &stage.store;
    let (stopping, other) = (id(), id());
    let old = store
        .claim_job("purge", stopping, at(1), at(30))
        .await
        .unwrap()
        .unwrap();
    let kept = store
        .claim_job("mail", other, at(1), at(30))
        .await
        .unwrap()
        .unwrap();
    store.release_jobs(stopping).await.unwrap();
    assert!(store.renew_lease(&old, at(60)).await.is_err());
    store.renew_lease(&kept, at(60)).await.unwrap();
    let next = store.claim_job("purge", other, at(2), at(30)).await;
    assert!(next.unwrap().is_some());
}
