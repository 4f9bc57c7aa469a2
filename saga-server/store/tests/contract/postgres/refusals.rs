//! What PostgreSQL refuses of a batch, by its own rules or by those that somebody added.

use saga_store::AppendError;
use saga_types::{SagaStatus, steps};

use super::Postgres;
use crate::suite::{
    Database,
    events::{created, event, with},
};

#[tokio::test]
async fn what_jsonb_does_not_take_is_refused_and_nothing_is_stored() {
    let database = Postgres::new().await;
    let store = database.store().await;
    for number in ["1e-20000", "[1, {\"a\":-0.1e-16400}]"] {
        let bad = with(created("saga-2", "1", 0), &format!("{{\"n\":{number}}}"));
        let batch = vec![created("saga-1", "1", 0), bad, created("saga-3", "1", 0)];
        let refusal = store.append(batch.into()).await.unwrap_err();
        assert!(matches!(refusal, AppendError::Refused(_)), "{refusal}");
    }
    assert_eq!(store.saga("saga-1").await.unwrap(), None);
    assert_eq!(
        database
            .count("SELECT count(*) FROM saga_steps WHERE $1 <> ''")
            .await,
        0
    );
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
}

/// Whatever SQLSTATE a trigger, a policy or a constraint gives: it is a refusal as long as others pass, and else an outage.
#[tokio::test]
async fn an_event_is_refused_with_any_sqlstate_only_while_others_pass() {
    let database = Postgres::new().await;
    let store = database.store().await;
    database
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'no' USING ERRCODE = TG_ARGV[0]; END $$",
        )
        .await;
    let (good, bad) = (created("saga-1", "1", 0), created("bad", "1", 0));
    // The second half are outages as a rule.
    let sqlstates = "P0001 42501 0A000 XX000 23514 42P01 57014 53100 40001 40P01 25006 08006 55P03 58030";
    for (round, sqlstate) in sqlstates.split(' ').enumerate() {
        let refuse = |condition: &str| {
            format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON saga_steps FOR EACH ROW {condition} EXECUTE FUNCTION refuse('{sqlstate}')"
            )
        };
        database.execute(&refuse("WHEN (NEW.saga_id = 'bad')")).await;
        let refusal = store.append(vec![bad.clone()].into()).await.unwrap_err();
        let is_refusal = match &refusal {
            AppendError::Refused(fault) => round < 6 && fault.sqlstate() == Some(sqlstate),
            AppendError::Failed(fault) => {
                // A conflict is retried, and reported without the code of the last attempt.
                round >= 6 && (fault.sqlstate() == Some(sqlstate) || sqlstate.starts_with("40"))
            }
            AppendError::Unavailable(_) => false,
        };
        assert!(is_refusal, "{sqlstate}: {refusal:?}");
        let good = created(&format!("saga-{round}"), "1", 0);
        assert_eq!(store.append(vec![good].into()).await.unwrap().stored(), 1);
        database.execute("DROP TRIGGER refuse ON saga_steps").await;
        database.execute(&refuse("")).await;
        let outage = store.append(vec![bad.clone()].into()).await.unwrap_err();
        assert!(matches!(outage, AppendError::Unavailable(_)), "{outage}");
        assert!(store.probe_write().await.is_err());
        database.execute("DROP TRIGGER refuse ON saga_steps").await;
    }
    assert_eq!(store.append(vec![good, bad].into()).await.unwrap().stored(), 1);
}

/// As a trigger does that returns NULL: without an error.
#[tokio::test]
async fn a_row_that_the_database_leaves_out_is_refused_however_many_come_beside_it() {
    let database = Postgres::new().await;
    let store = database.store().await;
    database
        .execute(
            "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        )
        .await;
    for table in ["saga_steps", "saga_instance"] {
        let leave_out = format!(
            "CREATE TRIGGER leave_out BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.saga_id = 'bad') EXECUTE FUNCTION leave_out()"
        );
        database.execute(&leave_out).await;
        // So many are copied.
        for others in [0, 2, 1_500] {
            let mut batch: Vec<_> = (0..others)
                .map(|number| created(&format!("saga-{number}"), "1", 0))
                .collect();
            batch.push(created("bad", "1", 0));
            let refusal = store.append(batch.into()).await.unwrap_err();
            let is_refusal = matches!(refusal, AppendError::Refused(_) | AppendError::Failed(_));
            assert!(is_refusal, "{table} {others}: {refusal}");
        }
        database
            .execute(&format!("DROP TRIGGER leave_out ON {table}"))
            .await;
    }
    let steps = database
        .count("SELECT count(*) FROM saga_steps WHERE $1 <> ''")
        .await;
    assert_eq!(steps, 0);
}

#[tokio::test]
async fn a_dry_run_finds_what_only_a_commit_refuses() {
    let database = Postgres::new().await;
    let store = database.store().await;
    let refuse =
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON saga_steps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.saga_id = 'late') EXECUTE FUNCTION refuse()";
    database.execute(refuse).await;
    let batch = [event("late", "1", steps::ORDER_CREATED, SagaStatus::Started, 0)];
    let dry_run = store.append_dry_run(batch.clone().into()).await.unwrap_err();
    assert!(matches!(dry_run, AppendError::Refused(_)), "{dry_run}");
    let stored = store.append(batch.into()).await.unwrap_err();
    assert!(matches!(stored, AppendError::Refused(_)), "{stored}");
}
