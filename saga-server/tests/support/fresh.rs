//! A database and topics for one test alone.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

pub(crate) async fn create_database(admin_url: &str, name: &str) -> String {
    let options: PgConnectOptions = admin_url.parse().unwrap();
    let mut connection = PgConnection::connect_with(&options)
        .await
        .expect("PostgreSQL answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    let (server, _) = admin_url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

pub(crate) async fn create_topics(bootstrap_servers: &str, names: &[impl AsRef<str>]) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()
        .unwrap();
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| NewTopic::new(name.as_ref(), 3, TopicReplication::Fixed(1)))
        .collect();
    for _ in 0..100 {
        let created = admin.create_topics(&topics, &AdminOptions::new()).await;
        let refused: Vec<_> = created
            .expect("Kafka answers")
            .into_iter()
            .filter_map(Result::err)
            .filter(|(_, code)| *code != RDKafkaErrorCode::TopicAlreadyExists)
            .collect();
        if refused.is_empty() {
            return;
        }
        // The only broker is fenced while a heartbeat of it is late.
        let is_fenced = |code: &RDKafkaErrorCode| *code == RDKafkaErrorCode::InvalidReplicationFactor;
        assert!(refused.iter().all(|(_, code)| is_fenced(code)), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the broker stays fenced");
}
