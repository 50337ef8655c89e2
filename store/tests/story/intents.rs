//! Intents: decided, leased, held and recorded together, or not at all.

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::{AgentId, EventId, TransactionId};
use oneclaw_core::transaction::Address;
use oneclaw_store::*;

use crate::stage::{Stage, at, event, event_in, id, open};

crate::stories!(
    of_two_hundred_at_once_exactly_as_many_pass_as_there_is_room_for,
    a_hundred_leases_at_once_are_a_hundred_nonces_in_a_row,
    nonces_that_were_given_back_are_leased_again_and_explicit_ones_lift_the_next,
    a_nonce_that_another_transaction_has_is_not_given_back,
    a_refusal_leaves_no_trace,
    a_request_under_the_same_word_is_carried_out_once,
    parallel_requests_under_the_same_word_are_carried_out_once,
    an_old_word_counts_no_more_and_is_purged_in_the_end,
    a_replacement_holds_what_exceeds_the_original,
    only_what_is_under_way_can_be_replaced_and_only_once,
    a_failed_replacement_leaves_the_original_as_it_was,
    sums_are_exact_to_the_last_base_unit,
    a_budget_counts_what_is_later_than_its_beginning,
    reservations_in_one_budget_add_up,
    of_giving_up_and_signing_one_wins,
    what_was_given_up_may_be_tried_again_under_the_same_word,
    a_transaction_goes_its_way,
    fees_are_lowered_to_what_was_paid_and_never_raised,
    transactions_that_wait_for_each_other_are_tried_again,
    a_record_that_is_not_the_drafts_is_refused,
    history_stays_when_the_agent_goes,
    whoever_gains_by_what_was_signed_counts_as_paid_by_that_agent_on_that_chain,
);

const ALICE: Address = Address::repeat_byte(0xa1);
const BEGINNING: Timestamp = Timestamp::from_millis(0);

fn wei(amount: u64) -> Amount {
    Amount::from(amount)
}

fn record(agent: &Agent, created_at: Timestamp) -> Transaction {
    Transaction {
        id: TransactionId::from_uuid(id()),
        org_id: agent.org_id,
        agent_id: agent.id,
        kind: "transaction".to_owned(),
        mode: IntentMode::Submit,
        chain_name: "base".to_owned(),
        chain_id: 8453,
        from_address: ALICE,
        to_address: Some(Address::repeat_byte(0xb0)),
        value_wei: Amount::MAX,
        data: Some("0x".to_owned()),
        nonce: None,
        tx_type: Some(2),
        gas_limit: Some(21_000),
        max_fee_per_gas: Some(wei(30)),
        max_priority_fee_per_gas: Some(wei(1)),
        status: TransactionStatus::Pending,
        signed_tx: None,
        tx_hash: None,
        error_message: None,
        simulation_id: None,
        simulation_status: Some("skipped".to_owned()),
        request_digest: "ab".repeat(32),
        decision_event: EventId::from_uuid(id()),
        intent_key_id: None,
        replaces: None,
        replaced_by: None,
        created_at,
        signed_at: None,
        broadcast_at: None,
        block_number: None,
        block_hash: None,
        gas_used: None,
        effective_gas_price: None,
        final_state: None,
        last_checked_at: None,
        attempts: 0,
    }
}

fn draft(agent: &Agent) -> IntentDraft {
    IntentDraft {
        transaction: record(agent, at(1_000)),
        nonce: NonceWish::Next { at_least: 0 },
        budgets: Vec::new(),
        idempotency: None,
        replaces: None,
    }
}

fn under_word(agent: &Agent, word: &str, body: u8) -> IntentDraft {
    IntentDraft {
        idempotency: Some(Idempotency {
            key: word.to_owned(),
            body_digest: vec![body; 32],
        }),
        ..draft(agent)
    }
}

fn budget(key: &str) -> BudgetQuery {
    BudgetQuery {
        key: key.to_owned(),
        asset: "native".to_owned(),
        since: BEGINNING,
    }
}

fn hold(key: &str, amount: Amount, limit: Amount) -> NewReservation {
    NewReservation {
        budget: budget(key),
        amount,
        limit,
    }
}

fn proceed(draft: &IntentDraft, reservations: &[NewReservation]) -> Judgement {
    Judgement::Proceed(Box::new(Proceed {
        transaction: draft.transaction.clone(),
        reservations: reservations.to_vec(),
        event: event_in(draft.transaction.org_id, "transaction.allow"),
    }))
}

async fn commit(store: &Store, draft: IntentDraft, holds: &[NewReservation]) -> Committed {
    let copy = draft.clone();
    store
        .commit_intent(draft, |_, _| proceed(&copy, holds))
        .await
        .unwrap()
}

async fn done(store: &Store, draft: IntentDraft, holds: &[NewReservation]) -> Transaction {
    match commit(store, draft, holds).await {
        Committed::Done(transaction) => *transaction,
        other => panic!("{other:?}"),
    }
}

async fn sign(store: &Store, id: TransactionId) -> bool {
    store.mark_signed(id, signed(&[]), None).await.unwrap()
}

fn signed(payees: &[Address]) -> SignedIntent<'_> {
    SignedIntent {
        signed_tx: "0x02f8",
        tx_hash: Some("0xhash"),
        status: TransactionStatus::Signed,
        at: at(1_100),
        payees,
    }
}

fn failure() -> Failure {
    Failure {
        message: "it did not work out".to_owned(),
        even_if_signed: false,
        give_back: true,
        release_key: false,
    }
}

async fn held(store: &Store, agent: &Agent, key: &str) -> (Amount, Amount) {
    let sums = store
        .budget_sums(agent.org_id, &[budget(key)])
        .await
        .unwrap();
    (sums[0].spent, sums[0].reserved)
}

async fn of_two_hundred_at_once_exactly_as_many_pass_as_there_is_room_for(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    // Two nodes on one PostgreSQL; an SQLite file has one.
    let other = if stage.is_postgres() {
        open(&stage.url).await
    } else {
        stage.store.clone()
    };
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = if n % 2 == 0 { &stage.store } else { &other }.clone();
        let mut draft = draft(&agent);
        draft.budgets = vec![budget("agent/daily")];
        attempts.spawn(async move {
            let holds = [hold("agent/daily", wei(30), wei(100))];
            commit(&store, draft, &holds).await
        });
    }
    let outcomes = attempts.join_all().await;
    let mut nonces: Vec<u64> = Vec::new();
    for outcome in outcomes {
        match outcome {
            Committed::Done(transaction) => nonces.push(transaction.nonce.unwrap()),
            Committed::Exceeded {
                reservation: 0,
                current,
            } => assert_eq!(current, wei(90)),
            other => panic!("{other:?}"),
        }
    }
    nonces.sort_unstable();
    assert_eq!(nonces, [0, 1, 2]);
    assert_eq!(
        held(&stage.store, &agent, "agent/daily").await,
        (Amount::ZERO, wei(90))
    );
    assert_eq!(stage.number("SELECT count(*) FROM transactions").await, 3);
    stage.sound_chain(org.id).await;
}

async fn a_hundred_leases_at_once_are_a_hundred_nonces_in_a_row(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = stage.store.clone();
        let mut draft = draft(&agent);
        draft.nonce = NonceWish::Next { at_least: 7 };
        attempts.spawn(async move { done(&store, draft, &[]).await.nonce.unwrap() });
    }
    let mut nonces = attempts.join_all().await;
    nonces.sort_unstable();
    assert_eq!(nonces, (7..107).collect::<Vec<u64>>());
    stage.sound_chain(org.id).await;
}

async fn nonces_that_were_given_back_are_leased_again_and_explicit_ones_lift_the_next(
    stage: Stage,
) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let lease = async |wish: NonceWish| {
        let mut draft = draft(&agent);
        draft.nonce = wish;
        done(store, draft, &[]).await
    };
    let next = NonceWish::Next { at_least: 0 };
    let mut leased = Vec::new();
    for _ in 0..4 {
        leased.push(lease(next).await);
    }
    for n in [1, 2] {
        assert!(
            store
                .mark_failed(leased[n].id, &failure(), None)
                .await
                .unwrap()
        );
    }
    // The chain has seen 1 already.
    assert_eq!(lease(NonceWish::Next { at_least: 2 }).await.nonce, Some(2));
    assert_eq!(lease(next).await.nonce, Some(4));
    let last = lease(NonceWish::Explicit(9)).await;
    assert_eq!(last.nonce, Some(9));
    store.mark_failed(last.id, &failure(), None).await.unwrap();
    assert_eq!(lease(next).await.nonce, Some(9), "the highest goes back");
    assert_eq!(lease(NonceWish::Explicit(3)).await.nonce, Some(3));
    assert_eq!(lease(next).await.nonce, Some(10));
    assert_eq!(lease(NonceWish::None).await.nonce, None);

    let mut elsewhere = draft(&agent);
    elsewhere.transaction.chain_id = 1;
    assert_eq!(done(store, elsewhere, &[]).await.nonce, Some(0));
    let mut beyond = draft(&agent);
    beyond.nonce = NonceWish::Explicit(u64::MAX);
    let refused = store.commit_intent(beyond, |_, _| Judgement::Refuse).await;
    assert_eq!(refused, Err(StoreError::Conflict("nonce")));
}

async fn a_nonce_that_another_transaction_has_is_not_given_back(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let mut twins = Vec::new();
    for _ in 0..2 {
        let mut draft = draft(&agent);
        draft.nonce = NonceWish::Explicit(5);
        twins.push(done(&stage.store, draft, &[]).await.id);
    }
    let fail = async |n: usize| {
        let failed = stage.store.mark_failed(twins[n], &failure(), None).await;
        assert!(failed.unwrap());
    };
    fail(0).await;
    assert_eq!(
        stage.number("SELECT next_nonce FROM nonces").await,
        6,
        "the other one has it"
    );
    fail(1).await;
    assert_eq!(stage.number("SELECT next_nonce FROM nonces").await, 5);
}

async fn a_refusal_leaves_no_trace(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let before = stage.sound_chain(org.id).await;
    let mut draft = under_word(&agent, "word", 1);
    draft.budgets = vec![budget("a")];
    let mut seen = None;
    let outcome = stage
        .store
        .commit_intent(draft.clone(), |nonce, sums| {
            seen = Some((nonce, sums.len()));
            Judgement::Refuse
        })
        .await;
    assert_eq!(outcome, Ok(Committed::Refused));
    assert_eq!(seen, Some((Some(0), 1)));
    let outcome = commit(&stage.store, draft, &[hold("b", wei(2), wei(1))]).await;
    assert_eq!(
        outcome,
        Committed::Exceeded {
            reservation: 0,
            current: Amount::ZERO
        }
    );
    for table in [
        "transactions",
        "budget_entries",
        "budget_locks",
        "nonces",
        "free_nonces",
        "idempotency",
    ] {
        let rows = stage.number(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(stage.sound_chain(org.id).await, before);
}

async fn a_request_under_the_same_word_is_carried_out_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let (agent, other) = (stage.agent(&org).await, stage.agent(&org).await);
    let store = &stage.store;
    let first = done(store, under_word(&agent, "word", 1), &[]).await;
    sign(store, first.id).await;

    let mut decided = false;
    let mut again = async |body| {
        store
            .commit_intent(under_word(&agent, "word", body), |_, _| {
                decided = true;
                Judgement::Refuse
            })
            .await
            .unwrap()
    };
    let stored = store
        .transaction(agent.id, first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.status, TransactionStatus::Signed);
    assert_eq!(again(1).await, Committed::Existing(Box::new(stored)));
    assert_eq!(again(2).await, Committed::IdempotencyConflict);
    assert!(!decided);
    // Words are an agent's own.
    done(store, under_word(&other, "word", 2), &[]).await;
}

async fn parallel_requests_under_the_same_word_are_carried_out_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let store = stage.store.clone();
        let draft = under_word(&agent, "word", 1);
        attempts.spawn(async move { commit(&store, draft, &[]).await });
    }
    let outcomes = attempts.join_all().await;
    let count = |is: fn(&Committed) -> bool| outcomes.iter().filter(|it| is(it)).count();
    assert_eq!(count(|it| matches!(it, Committed::Done(_))), 1);
    assert_eq!(count(|it| matches!(it, Committed::Existing(_))), 39);
}

async fn an_old_word_counts_no_more_and_is_purged_in_the_end(stage: Stage) {
    const HOUR: i64 = 3_600_000;
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let later = |ms| {
        let mut draft = under_word(&agent, "word", 2);
        draft.transaction.created_at = at(1_000 + ms);
        draft
    };
    done(store, under_word(&agent, "word", 1), &[]).await;
    let outcome = commit(store, later(24 * HOUR - 1), &[]).await;
    assert_eq!(outcome, Committed::IdempotencyConflict);
    done(store, later(24 * HOUR), &[]).await;
    let outcome = commit(store, later(24 * HOUR + 1), &[]).await;
    assert!(matches!(outcome, Committed::Existing(_)), "{outcome:?}");

    let purged = async |ms| store.purge_expired(at(1_000 + ms)).await.unwrap();
    assert_eq!(purged(72 * HOUR).await, 0);
    assert_eq!(purged(72 * HOUR + 1).await, 1);
}

async fn a_replacement_holds_what_exceeds_the_original(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let first = done(store, draft(&agent), &[hold("a", wei(50), wei(100))]).await;
    sign(store, first.id).await;
    done(store, draft(&agent), &[hold("a", wei(20), wei(100))]).await;

    let mut bump = draft(&agent);
    bump.transaction.created_at = at(2_000);
    bump.replaces = Some(first.id);
    bump.budgets = vec![budget("a")];
    let copy = bump.clone();
    let mut seen = None;
    let outcome = store
        .commit_intent(bump, |nonce, sums| {
            seen = Some((nonce, sums[0].total()));
            proceed(&copy, &[hold("a", wei(80), wei(100))])
        })
        .await
        .unwrap();
    let Committed::Done(second) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(seen, Some((Some(0), wei(20))), "the original is left out");
    assert_eq!((second.nonce, second.replaces), (Some(0), Some(first.id)));
    assert_eq!(held(store, &agent, "a").await, (wei(50), wei(50)));
    let replaced = store
        .transaction(agent.id, first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(replaced.replaced_by, Some(second.id));
    // What the original holds counts from the replacement on.
    let mut since = budget("a");
    since.since = at(1_999);
    let sums = store.budget_sums(org.id, &[since]).await.unwrap();
    assert_eq!(sums[0].total(), wei(80));

    // A third one leaves both out, and holds nothing more if it needs less.
    sign(store, second.id).await;
    let mut less = draft(&agent);
    less.replaces = Some(second.id);
    done(store, less, &[hold("a", wei(60), wei(100))]).await;
    assert_eq!(held(store, &agent, "a").await, (wei(80), wei(20)));
    let mut more = draft(&agent);
    more.replaces = Some(first.id);
    assert_eq!(commit(store, more, &[]).await, Committed::ReplacedAlready);
    assert_eq!(
        commit(store, draft(&agent), &[hold("a", wei(1), wei(100))]).await,
        Committed::Exceeded {
            reservation: 0,
            current: wei(100)
        }
    );
}

async fn only_what_is_under_way_can_be_replaced_and_only_once(stage: Stage) {
    let (org, _) = stage.account().await;
    let (agent, other) = (stage.agent(&org).await, stage.agent(&org).await);
    let store = &stage.store;
    let first = done(store, draft(&agent), &[]).await.id;
    let replacing = |agent: &Agent, id| {
        let mut draft = draft(agent);
        draft.replaces = Some(id);
        draft
    };
    let outcome = commit(store, replacing(&agent, first), &[]).await;
    assert_eq!(outcome, Committed::ReplacedAlready, "it is pending");
    sign(store, first).await;
    let not_found = store
        .commit_intent(replacing(&other, first), |_, _| Judgement::Refuse)
        .await;
    assert_eq!(not_found, Err(StoreError::NotFound));
    let mut elsewhere = replacing(&agent, first);
    elsewhere.transaction.chain_id = 1;
    let conflict = store
        .commit_intent(elsewhere, |_, _| Judgement::Refuse)
        .await;
    assert_eq!(conflict, Err(StoreError::Conflict("replaces")));

    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (store, draft) = (store.clone(), replacing(&agent, first));
        attempts.spawn(async move { commit(&store, draft, &[]).await });
    }
    let outcomes = attempts.join_all().await;
    let replaced = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Committed::Done(_)))
        .count();
    let too_late = outcomes
        .iter()
        .filter(|outcome| **outcome == Committed::ReplacedAlready)
        .count();
    assert_eq!((replaced, too_late), (1, 19));
}

async fn a_failed_replacement_leaves_the_original_as_it_was(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let first = done(store, draft(&agent), &[hold("a", wei(50), wei(100))]).await;
    sign(store, first.id).await;
    let mut bump = draft(&agent);
    bump.replaces = Some(first.id);
    let second = done(store, bump, &[hold("a", wei(80), wei(100))]).await;
    assert!(
        store
            .mark_failed(second.id, &failure(), None)
            .await
            .unwrap()
    );
    assert_eq!(held(store, &agent, "a").await, (wei(50), Amount::ZERO));
    assert_eq!(stage.number("SELECT next_nonce FROM nonces").await, 1);
    let mut again = draft(&agent);
    again.replaces = Some(first.id);
    let third = done(store, again, &[hold("a", wei(70), wei(100))]).await;

    // The original goes, and what the third counts on stays held.
    let refused = Failure {
        even_if_signed: true,
        ..failure()
    };
    assert!(store.mark_failed(first.id, &refused, None).await.unwrap());
    assert_eq!(held(store, &agent, "a").await, (wei(50), wei(20)));
    assert!(store.mark_failed(third.id, &refused, None).await.unwrap());
    assert_eq!(held(store, &agent, "a").await, (Amount::ZERO, Amount::ZERO));
    assert_eq!(stage.number("SELECT next_nonce FROM nonces").await, 0);
}

async fn sums_are_exact_to_the_last_base_unit(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let almost = Amount::MAX.checked_sub(wei(2)).unwrap();
    done(store, draft(&agent), &[hold("a", almost, Amount::MAX)]).await;
    let one = done(store, draft(&agent), &[hold("a", wei(1), Amount::MAX)]).await;
    sign(store, one.id).await;
    assert_eq!(held(store, &agent, "a").await, (wei(1), almost));
    let too_much = commit(store, draft(&agent), &[hold("a", wei(2), Amount::MAX)]).await;
    let current = Amount::MAX.checked_sub(wei(1)).unwrap();
    assert_eq!(
        too_much,
        Committed::Exceeded {
            reservation: 0,
            current
        }
    );
    done(store, draft(&agent), &[hold("a", wei(1), Amount::MAX)]).await;
    assert_eq!(held(store, &agent, "a").await, (wei(1), current));
    let stored = store.transactions(agent.id, 1).await.unwrap();
    assert_eq!(stored[0].value_wei, Amount::MAX);
}

async fn a_budget_counts_what_is_later_than_its_beginning(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    done(&stage.store, draft(&agent), &[hold("a", wei(5), wei(5))]).await;
    let since = |ms| BudgetQuery {
        since: at(ms),
        ..budget("a")
    };
    let mut other_asset = budget("a");
    other_asset.asset = "fees".to_owned();
    let queries = [since(999), since(1_000), other_asset, budget("b")];
    let sums = stage.store.budget_sums(org.id, &queries).await.unwrap();
    let totals: Vec<Amount> = sums.iter().map(BudgetSum::total).collect();
    assert_eq!(totals, [wei(5), Amount::ZERO, Amount::ZERO, Amount::ZERO]);
    let (stranger, _) = stage.account().await;
    let sums = stage.store.budget_sums(stranger.id, &queries).await;
    assert_eq!(sums.unwrap()[0].total(), Amount::ZERO);
}

async fn reservations_in_one_budget_add_up(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let twice = [hold("a", wei(3), wei(9)), hold("a", wei(3), wei(6))];
    done(store, draft(&agent), &twice).await;
    assert_eq!(held(store, &agent, "a").await.1, wei(6));
    let outcome = commit(store, draft(&agent), &twice[..1]).await;
    assert!(matches!(outcome, Committed::Done(_)), "{outcome:?}");
    let outcome = commit(
        store,
        draft(&agent),
        &[hold("b", wei(1), wei(1)), hold("a", wei(1), wei(9))],
    )
    .await;
    assert_eq!(
        outcome,
        Committed::Exceeded {
            reservation: 1,
            current: wei(9)
        }
    );
    let beyond = [
        hold("c", Amount::MAX, Amount::MAX),
        hold("c", wei(1), Amount::MAX),
    ];
    let outcome = commit(store, draft(&agent), &beyond).await;
    assert!(matches!(outcome, Committed::Exceeded { .. }), "{outcome:?}");
}

async fn of_giving_up_and_signing_one_wins(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    for _ in 0..20 {
        let it = done(&stage.store, draft(&agent), &[hold("a", wei(1), wei(100))]).await;
        let store = stage.store.clone();
        let signing = tokio::spawn(async move { sign(&store, it.id).await });
        let store = stage.store.clone();
        let org = org.clone();
        let giving_up = tokio::spawn(async move {
            let abandoned = store
                .abandon_pending(at(5_000), 10, |_| event(&org, "transaction.abandon"))
                .await
                .unwrap();
            abandoned.iter().any(|given_up| given_up.id == it.id)
        });
        let (signed, given_up) = (signing.await.unwrap(), giving_up.await.unwrap());
        assert!(signed ^ given_up, "{signed} {given_up}");
        let stored = stage.store.transaction(agent.id, it.id).await;
        let status = stored.unwrap().unwrap().status;
        let expected = if signed {
            TransactionStatus::Signed
        } else {
            TransactionStatus::Failed
        };
        assert_eq!(status, expected);
    }
    let signed = stage
        .number("SELECT count(*) FROM transactions WHERE status = 'signed'")
        .await;
    let (spent, reserved) = held(&stage.store, &agent, "a").await;
    assert_eq!(spent, wei(u64::try_from(signed).unwrap()));
    assert_eq!(reserved, Amount::ZERO);
    stage.sound_chain(org.id).await;
}

async fn what_was_given_up_may_be_tried_again_under_the_same_word(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let first = done(store, under_word(&agent, "word", 1), &[]).await;
    let abandon = async |before| {
        store
            .abandon_pending(before, 10, |_| event(&org, "transaction.abandon"))
            .await
            .unwrap()
    };
    assert!(abandon(at(1_000)).await.is_empty(), "it is not old enough");
    let abandoned = abandon(at(1_001)).await;
    assert_eq!(abandoned.len(), 1);
    assert_eq!(
        (abandoned[0].id, abandoned[0].status),
        (first.id, TransactionStatus::Failed)
    );
    let again = done(store, under_word(&agent, "word", 1), &[]).await;
    assert_eq!(again.nonce, Some(0));

    // One that failed with an answer stays under its word.
    store.mark_failed(again.id, &failure(), None).await.unwrap();
    let outcome = commit(store, under_word(&agent, "word", 1), &[]).await;
    assert!(matches!(outcome, Committed::Existing(_)), "{outcome:?}");
}

async fn a_transaction_goes_its_way(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let fresh = done(store, draft(&agent), &[]).await;
    let stored = async || {
        store
            .transaction(agent.id, fresh.id)
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(stored().await, fresh);
    assert_eq!(
        store
            .transaction(AgentId::from_uuid(id()), fresh.id)
            .await
            .unwrap(),
        None
    );
    let id = fresh.id;
    let tracked = async |before| {
        let listed = store.transactions_to_track(fresh.chain_id, 10, before, at(1_101));
        listed.await.unwrap().len()
    };
    assert!(!store.mark_broadcast(id, at(2), None).await.unwrap());
    assert_eq!(tracked(at(9_000)).await, 0);
    assert!(sign(store, id).await);
    assert!(!sign(store, id).await, "once is enough");
    assert!(!store.mark_failed(id, &failure(), None).await.unwrap());
    assert_eq!(tracked(at(9_000)).await, 1);
    let too_fresh = store.transactions_to_track(fresh.chain_id, 10, at(9_000), at(1_100));
    assert_eq!(too_fresh.await.unwrap(), []);
    let elsewhere = store.transactions_to_track(fresh.chain_id + 1, 10, at(9_000), at(9_000));
    assert_eq!(elsewhere.await.unwrap(), []);
    assert!(
        store
            .chains_to_track()
            .await
            .unwrap()
            .contains(&fresh.chain_id)
    );

    store
        .note_error(id, "the node did not answer")
        .await
        .unwrap();
    store.note_check(id, at(2_000)).await.unwrap();
    assert_eq!((tracked(at(2_000)).await, tracked(at(2_001)).await), (0, 1));
    let refused = Failure {
        even_if_signed: true,
        ..failure()
    };
    assert!(
        !store.mark_failed(id, &refused, None).await.unwrap(),
        "its bytes may be anywhere"
    );
    let sent = Some(event(&org, "transaction.broadcast"));
    assert!(store.mark_broadcast(id, at(2_100), sent).await.unwrap());
    assert_eq!(stored().await.error_message, None);

    let receipt = |block, state| Receipt {
        block_number: block,
        block_hash: format!("0x{block}"),
        gas_used: 21_000,
        effective_gas_price: wei(7),
        state,
        at: at(3_000),
    };
    let included = receipt(10, FinalState::Included);
    assert!(store.record_receipt(id, &included, None).await.unwrap());
    assert!(store.forget_receipt(id, at(3_100)).await.unwrap());
    assert_eq!(stored().await.final_state, None);
    let reverted = receipt(11, FinalState::Reverted);
    assert!(store.record_receipt(id, &reverted, None).await.unwrap());
    assert_eq!(
        store
            .mark_final(id, FinalState::Included, at(4), None)
            .await,
        Err(StoreError::Conflict("final state"))
    );
    let end = FinalState::FinalizedReverted;
    assert!(store.mark_final(id, end, at(4_000), None).await.unwrap());
    assert!(!store.mark_final(id, end, at(4_000), None).await.unwrap());
    assert!(!store.record_receipt(id, &included, None).await.unwrap());
    assert!(!store.forget_receipt(id, at(5)).await.unwrap());
    assert_eq!(tracked(at(9_000)).await, 0);
    assert_eq!(
        stored().await,
        Transaction {
            status: TransactionStatus::Broadcast,
            signed_tx: Some("0x02f8".to_owned()),
            tx_hash: Some("0xhash".to_owned()),
            signed_at: Some(at(1_100)),
            broadcast_at: Some(at(2_100)),
            block_number: Some(11),
            block_hash: Some("0x11".to_owned()),
            gas_used: Some(21_000),
            effective_gas_price: Some(wei(7)),
            final_state: Some(end),
            last_checked_at: Some(at(4_000)),
            attempts: 4,
            ..fresh
        }
    );
    let unsigned = Transaction {
        status: TransactionStatus::SimulationFailed,
        ..record(&agent, at(5_000))
    };
    let told = event(&org, "transaction.simulation_failed");
    store.record_unsigned(&unsigned, told).await.unwrap();
    let newest = store.transactions(agent.id, 1).await.unwrap();
    assert_eq!(newest, [unsigned]);
    stage.sound_chain(org.id).await;
}

async fn fees_are_lowered_to_what_was_paid_and_never_raised(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let store = &stage.store;
    let mut fees = hold("a", wei(90), wei(100));
    fees.budget.asset = "fees".to_owned();
    let query = [fees.budget.clone()];
    let first = done(store, draft(&agent), &[fees, hold("a", wei(9), wei(9))]).await;
    sign(store, first.id).await;
    let spent = async || store.budget_sums(org.id, &query).await.unwrap()[0].spent;
    for (paid, left) in [(40, 40), (95, 40), (0, 0)] {
        store
            .settle_fees(first.id, "fees", wei(paid))
            .await
            .unwrap();
        assert_eq!(spent().await, wei(left));
    }
    assert_eq!(held(store, &agent, "a").await.0, wei(9));
}

async fn transactions_that_wait_for_each_other_are_tried_again(stage: Stage) {
    let (org, _) = stage.account().await;
    let (one, two) = (stage.agent(&org).await, stage.agent(&org).await);
    let mut attempts = tokio::task::JoinSet::new();
    for n in 0_u8..6 {
        let store = stage.store.clone();
        // Budgets that were not asked for before are locked after the others, here in opposite orders.
        let (first, then) = if n % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let mut draft = draft(if n % 2 == 0 { &one } else { &two });
        draft.transaction.from_address = Address::repeat_byte(n);
        draft.budgets = vec![budget(first)];
        attempts.spawn(async move {
            let holds = [hold(first, wei(1), wei(99)), hold(then, wei(1), wei(99))];
            let copy = draft.clone();
            store
                .commit_intent(draft, |_, _| {
                    std::thread::yield_now();
                    proceed(&copy, &holds)
                })
                .await
        });
    }
    for outcome in attempts.join_all().await {
        assert!(matches!(outcome, Ok(Committed::Done(_))), "{outcome:?}");
    }
    assert_eq!(held(&stage.store, &one, "a").await.1, wei(6));
    assert_eq!(held(&stage.store, &one, "b").await.1, wei(6));
    stage.sound_chain(org.id).await;
}

async fn a_record_that_is_not_the_drafts_is_refused(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let other = draft(&agent);
    let outcome = stage
        .store
        .commit_intent(draft(&agent), |_, _| proceed(&other, &[]))
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("transaction")));
    let mut failed = draft(&agent);
    failed.transaction.status = TransactionStatus::Failed;
    let outcome = stage
        .store
        .commit_intent(failed, |_, _| Judgement::Refuse)
        .await;
    assert_eq!(outcome, Err(StoreError::Conflict("status")));
}

async fn history_stays_when_the_agent_goes(stage: Stage) {
    let (org, _) = stage.account().await;
    let agent = stage.agent(&org).await;
    let it = done(&stage.store, draft(&agent), &[hold("a", wei(1), wei(1))]).await;
    stage
        .store
        .delete_agents(org.id, &[agent.id], vec![event(&org, "agent.delete")])
        .await
        .unwrap();
    assert_eq!(stage.store.transactions(agent.id, 10).await.unwrap(), [it]);
    assert_eq!(held(&stage.store, &agent, "a").await.1, wei(1));
}

async fn whoever_gains_by_what_was_signed_counts_as_paid_by_that_agent_on_that_chain(stage: Stage) {
    let (org, _) = stage.account().await;
    let (agent, other) = (stage.agent(&org).await, stage.agent(&org).await);
    let store = &stage.store;
    // More than one query asks about.
    let asked: Vec<Address> = (0..40).map(Address::repeat_byte).collect();
    let paid = async |agent: &Agent, chain| {
        let paid = store.paid_before(agent.id, chain, &asked).await.unwrap();
        paid.into_iter().collect::<Vec<_>>()
    };
    let transaction = done(store, draft(&agent), &[]).await;
    assert!(paid(&agent, 8453).await.is_empty());
    let payees = [asked[3], asked[39]];
    let is_signed = store
        .mark_signed(transaction.id, signed(&payees), None)
        .await
        .unwrap();
    assert!(is_signed);
    assert_eq!(paid(&agent, 8453).await, payees);
    assert!(paid(&agent, 1).await.is_empty());
    assert!(paid(&other, 8453).await.is_empty());
    assert_eq!(
        store.paid_before(agent.id, 8453, &[]).await.unwrap().len(),
        0
    );

    // The same again, and what is given up.
    let again = done(store, draft(&agent), &[]).await;
    store
        .mark_signed(again.id, signed(&payees), None)
        .await
        .unwrap();
    let given_up = done(store, draft(&agent), &[]).await;
    store
        .mark_failed(given_up.id, &failure(), None)
        .await
        .unwrap();
    let late = store
        .mark_signed(given_up.id, signed(&[asked[5]]), None)
        .await
        .unwrap();
    assert!(!late);
    assert_eq!(paid(&agent, 8453).await, payees);
}
