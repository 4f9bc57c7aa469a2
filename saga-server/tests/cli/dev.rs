//! `saga-server dev`: everything in one process, without any real part.

use std::path::Path;

use crate::{
    command::Run,
    support::{
        TestProducer,
        dev::Dev,
        events::{compensated, saga},
    },
    webhooks::answering,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_recorded_from_another_process_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &[]);
    // Ready means ready: the first question is answered.
    assert_eq!(dev.rest().get("/health/readiness").await.0, 200);
    let producer = dev.producer();
    saga("in-dev", &compensated())
        .iter()
        .for_each(|event| producer.send(event));
    producer.flush();
    let answer = dev.rest().saga_with_steps("in-dev", 8).await;
    assert_eq!(answer["currentStatus"], "COMPENSATED");
    let url = dev.text("url").to_owned();
    let printed = dev.interrupt();
    assert!(printed.contains(&url), "{printed}");
    assert!(
        printed.contains("in memory only, 5 MiB"),
        "its limits are printed: {printed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_is_kept_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let more = ["--data-dir", data.to_str().unwrap()];
    let first = Dev::start(folder.path(), &more);
    let producer = first.producer();
    saga("kept", &compensated())
        .iter()
        .for_each(|event| producer.send(event));
    producer.flush();
    first.rest().saga_with_steps("kept", 8).await;
    first.interrupt();

    let second = Dev::start(folder.path(), &more);
    assert_eq!(second.rest().get("/api/v1/sagas/kept").await.1["stepCount"], 8);
    second.interrupt();
}

/// Broker, database and retention of a file are those of production.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_file_gives_sources_and_webhooks_but_neither_broker_nor_database() {
    let folder = tempfile::tempdir().unwrap();
    let (port, answered) = answering("204 No Content");
    let mappings = folder.path().join("mappings");
    std::fs::create_dir(&mappings).unwrap();
    let rule = "rules: [{sagaId: event.id, orderId: event.id, sagaType: ORDER_CREATION, step: PAYMENT_FAILED, status: FAILED}]\n";
    std::fs::write(mappings.join("orders.yml"), rule).unwrap();
    let file = folder.path().join("saga-server.yml");
    let text = format!(
        "database: {{url: 'postgres://nobody@127.0.0.1:1/nothing'}}\n\
         kafka:\n  bootstrapServers: '127.0.0.1:1'\n  topic: events\n  security: {{protocol: sasl_plaintext, mechanism: PLAIN, username: u, password: p}}\n  \
         properties: {{sasl.oauthbearer.config: nothing}}\n\
         retention: {{after: 1day}}\n\
         gateway: {{mappingsDir: '{}'}}\n\
         sources: {{orders: {{topic: shop.orders, format: json}}}}\n\
         pages: {{externalUrl: 'https://sagas.example'}}\n\
         webhooks: [{{name: oncall, url: 'http://127.0.0.1:{port}/hook', secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [failed]}}]\n",
        mappings.display()
    );
    std::fs::write(&file, text).unwrap();
    let dev = Dev::start(folder.path(), &["--config", file.to_str().unwrap()]);
    assert_eq!(dev.text("topic"), "events");
    let producer = TestProducer::to(dev.text("bootstrapServers"), "shop.orders");
    producer.send_raw(None, br#"{"id": "from-a-source"}"#);
    producer.flush();
    dev.rest().saga_with_steps("from-a-source", 1).await;
    let received = tokio::task::spawn_blocking(|| answered.join().unwrap());
    let received = received.await.unwrap();
    assert!(
        received.contains("https://sagas.example/sagas/from-a-source"),
        "{received}"
    );
    let printed = dev.interrupt();
    assert!(
        printed.contains("source     orders, of the topic shop.orders"),
        "{printed}"
    );
}

#[test]
fn a_configuration_file_that_is_wrong_is_refused_with_its_key() {
    let run = Run::new().file(
        "saga-server.yml",
        "sources:\n  orders: {topic: shop.orders, format: json}\n",
    );
    run.run("dev --config saga-server.yml")
        .is_refused(2, &["gateway.mappingsDir"]);
    let run = Run::new().file("saga-server.yml", "ingestt: {}\n");
    run.run("dev --config saga-server.yml")
        .is_refused(2, &["line 1: ", "ingestt"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_other_user_reads_the_data() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for more in [vec!["--data-dir", data.to_str().unwrap()], Vec::new()] {
        let dev = Dev::start(folder.path(), &more);
        let database = dev.text("database").strip_prefix("sqlite:").unwrap().to_owned();
        let rights = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let database = Path::new(&database);
        assert_eq!(
            (rights(database.parent().unwrap()), rights(database)),
            (0o700, 0o600)
        );
        dev.interrupt();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_folder_is_deleted_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &[]);
    let database = dev.text("database").strip_prefix("sqlite:").unwrap().to_owned();
    assert!(Path::new(&database).exists());
    dev.interrupt();
    assert!(!Path::new(&database).exists());
}

/// A loan that is checked or not before the money is lent.
fn write_loan(folder: &Path, forward: &str) {
    let loan = format!(
        "sagaType: LOAN\nstartsWith: [LOAN_ASKED]\nforward: {forward}\ncompletesWith: [MONEY_LENT]\n"
    );
    std::fs::write(folder.join("loan.yml"), loan).unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn changed_definitions_are_loaded_while_it_runs_and_wrong_ones_leave_the_old_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let definitions = folder.path().join("definitions");
    std::fs::create_dir(&definitions).unwrap();
    write_loan(&definitions, "[{step: LOAN_ASKED}, {step: MONEY_LENT}]");
    let dev = Dev::start(folder.path(), &["--definitions", definitions.to_str().unwrap()]);
    let (rest, producer) = (dev.rest(), dev.producer());
    let mut asked = saga("loan-1", &compensated()[..1]);
    asked[0].saga_type = "LOAN".parse().unwrap();
    asked[0].step = "LOAN_ASKED".parse().unwrap();
    producer.send(&asked[0]);
    producer.flush();
    let awaits = async |step: &str| {
        rest.wait_for("/api/v1/sagas/loan-1", step, |_, saga| {
            saga["awaiting"][0]["step"] == step
        })
        .await;
    };
    awaits("MONEY_LENT").await;
    write_loan(
        &definitions,
        "[{step: LOAN_ASKED}, {step: LOAN_CHECKED}, {step: MONEY_LENT}]",
    );
    dev.hang_up();
    awaits("LOAN_CHECKED").await;
    write_loan(
        &definitions,
        "[{step: LOAN_ASKED}, {step: MONEY_LENT, after: [NOTHING]}]",
    );
    dev.hang_up();
    let health = rest
        .wait_for("/health", "a warning", |status, health| {
            status == 200 && health["warnings"]["definitions"].is_string()
        })
        .await;
    let warning = health["warnings"]["definitions"].as_str().unwrap();
    assert!(warning.contains("loan.yml: line 3: NOTHING"), "{warning}");
    assert!(warning.ends_with("loaded before are in force"), "{warning}");
    awaits("LOAN_CHECKED").await;
    let metrics = rest.get("/metrics").await.1.to_string();
    assert!(
        metrics.contains("saga_tracker_definitions_invalid 1"),
        "{metrics}"
    );
    // Without a signal, too.
    write_loan(&definitions, "[{step: LOAN_ASKED}, {step: MONEY_LENT}]");
    awaits("MONEY_LENT").await;
    rest.wait_for("/health", "no warning", |_, health| health["warnings"].is_null())
        .await;
    dev.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_makes_sagas_of_every_ending() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &["--demo"]);
    let rest = dev.rest();
    for status in ["COMPLETED", "FAILED", "COMPENSATED"] {
        rest.wait_for(
            &format!("/api/v1/sagas?status={status}"),
            "a saga of the demo",
            |_, page| {
                page["page"]["totalElements"]
                    .as_u64()
                    .is_some_and(|sagas| sagas > 0)
            },
        )
        .await;
    }
    dev.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ships_orders_with_a_saga_for_each_parcel() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &["--demo"]);
    let rest = dev.rest();
    let is_forked = |saga: &serde_json::Value| {
        saga["awaiting"]
            .as_array()
            .is_some_and(|awaited| awaited.len() == 3)
    };
    rest.wait_for(
        "/api/v1/sagas?sagaType=FULFILMENT",
        "two branches are awaited",
        |_, page| {
            page["content"]
                .as_array()
                .is_some_and(|sagas| sagas.iter().any(is_forked))
        },
    )
    .await;
    let shipped = "/api/v1/sagas?sagaType=SHIPMENT&status=COMPLETED";
    let page = rest
        .wait_for(shipped, "a parcel arrives", |_, page| {
            page["content"][0]["sagaId"].is_string()
        })
        .await;
    let parent = page["content"][0]["parentSagaId"].as_str().unwrap();
    let (status, order) = rest.get(&format!("/api/v1/sagas/{parent}")).await;
    assert_eq!(
        (status, &order["sagaType"]),
        (200, &"FULFILMENT".into()),
        "{order}"
    );
    dev.interrupt();
}
