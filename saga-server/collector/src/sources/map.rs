//! Applies the mapping of a source to a record, once the schemas of its value are known.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use saga_types::{SagaEvent, avro::DecodeError};

use super::{
    MapRecord, MappedRecord, Record, Value,
    avro::{self, DocumentSchema},
};
use crate::{
    failure,
    ingest::{rejection::Rejection, schema_registry::Registry},
};

/// The registry with the schemas of documents.
pub(crate) type DocumentRegistry = Registry<Arc<DocumentSchema>>;

/// The schemas of some records, by their ids.
pub(crate) type Schemas = HashMap<u32, Result<Arc<DocumentSchema>, Rejection>>;

/// The ids of schemas that values name.
pub(crate) fn schema_ids<'a>(values: impl Iterator<Item = &'a [u8]>) -> BTreeSet<u32> {
    values.filter_map(avro::schema_id).collect()
}

/// What is known of these ids.
pub(crate) fn schemas(registry: &DocumentRegistry, ids: BTreeSet<u32>) -> Schemas {
    let known = ids.into_iter().map(|id| (id, registry.schema(id).cloned()));
    known.collect()
}

/// What becomes of a record that is as it should be.
#[derive(Debug)]
pub enum Mapped {
    /// This event.
    Event(Box<SagaEvent>),
    /// It is about no saga.
    Ignored,
}

/// What a record becomes, or why it gives no event although it should.
pub(crate) fn map(
    mut record: Record<'_>,
    mapper: &dyn MapRecord,
    schemas: &Schemas,
) -> Result<Mapped, Rejection> {
    let map = || {
        if let (true, Some(Value::Bytes(bytes))) = (mapper.takes_avro(), &record.value) {
            record.value = Some(read(bytes, schemas)?);
        }
        match mapper.map(&record) {
            MappedRecord::Event(event) => Ok(Mapped::Event(event)),
            MappedRecord::Ignored => Ok(Mapped::Ignored),
            MappedRecord::Undecodable(reason) => Err(Rejection::not_the_format(reason)),
            MappedRecord::Refused(reason) => Err(Rejection::refused_by_mapping(reason)),
        }
    };
    failure::without_panic(map).unwrap_or_else(|reason| Err(Rejection::not_understood(reason)))
}

/// A value by a schema of the registry, as JSON; any other as it is.
fn read<'a>(value: &'a [u8], schemas: &Schemas) -> Result<Value<'a>, Rejection> {
    let Some(id) = avro::schema_id(value) else {
        return Ok(Value::Bytes(value));
    };
    match schemas.get(&id) {
        Some(Ok(schema)) => Ok(Value::Avro(schema.json(value)?)),
        Some(Err(rejection)) => Err(rejection.clone()),
        None => Err(DecodeError::NoRegistry(id).into()),
    }
}
