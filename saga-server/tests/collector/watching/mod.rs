//! What the collector says of its own lag and of sagas that are late, of what changes, on a real Apache Kafka and PostgreSQL.

mod freshness;
mod live;
mod monitor;
mod producers;
