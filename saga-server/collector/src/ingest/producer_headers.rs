//! What a batch shows of those who wrote it, by the headers of the SDK, and of others by what their events say.
//!
//! Rule of thumb: anybody may write anything into a header. What is invalid is counted and ignored; it is never an
//! error, and takes no more memory than what is valid.

use std::collections::HashMap;

use saga_types::{
    SagaEvent, Timestamp,
    avro::{Frame, SchemaVersion, WriterSchema},
    topic::headers,
};

use super::decode::Decoder;
use crate::kafka::record::RawRecord;
use saga_store::{ProducerObservation, Sequences, Wire, producer_name};

/// How many instances of a batch are distinguished.
const MAX_INSTANCES: usize = 256;

/// The longest version of an SDK.
const MAX_VERSION_BYTES: usize = 50;

/// What was observed, and what was refused.
#[derive(Debug, Default)]
pub(super) struct ProducerObservations {
    /// By service, then instance: the place in `observed`.
    places: HashMap<String, HashMap<String, usize>>,
    observed: Vec<ProducerObservation>,
    frames: Vec<Option<FrameKind>>,
    /// Records with headers that cannot be right.
    pub(super) invalid: u64,
    /// Records of instances beyond those that are distinguished.
    pub(super) left_out: u64,
}

/// What the beginning of a value says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    SingleObject(u64),
    Confluent(u32),
}

/// The producer's headers of one record.
#[derive(Debug, Default)]
struct Headers<'a> {
    service: Option<&'a [u8]>,
    instance: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
}

/// What one record shows of its producer.
struct Observed<'a> {
    at: Timestamp,
    frame: Option<FrameKind>,
    version: Option<&'a str>,
    sequence: Option<u64>,
}

impl ProducerObservations {
    /// Observes a record, and its event if it is one.
    pub(super) fn observe(
        &mut self,
        record: &RawRecord,
        frame: Option<FrameKind>,
        event: Option<&SagaEvent>,
        now: Timestamp,
    ) {
        let headers = Headers::of(record);
        let mut is_valid = true;
        let service = valid_name(headers.service, &mut is_valid);
        let instance = valid_name(headers.instance, &mut is_valid);
        let sequence = headers.sequence.map(sequence);
        // Without an instance a number says nothing, whatever it is.
        is_valid &= instance.is_none() || sequence != Some(None);
        self.invalid += u64::from(!is_valid);
        let event_says = || producer_name(event?.metadata.as_ref()?.producer_service()?);
        let Some(service) = service.or_else(event_says) else {
            return;
        };
        let Some(place) = self.place(service, instance) else {
            self.left_out += 1;
            return;
        };
        let observed = Observed {
            at: came_at(record).unwrap_or(now).min(now),
            frame,
            version: headers.version.and_then(version),
            sequence: sequence.flatten(),
        };
        self.record(place, &observed);
    }

    fn place(&mut self, service: &str, instance: Option<&str>) -> Option<usize> {
        let name = instance.unwrap_or_default();
        let known = self.places.get(service).and_then(|instances| instances.get(name));
        if let Some(place) = known {
            return Some(*place);
        }
        let place = self.observed.len();
        if place >= MAX_INSTANCES {
            return None;
        }
        let instances = self.places.entry(service.to_owned()).or_default();
        instances.insert(name.to_owned(), place);
        self.observed.push(ProducerObservation {
            service: service.to_owned(),
            instance: instance.map(str::to_owned),
            sdk_version: None,
            wire: None,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            sequences: Sequences::default(),
        });
        self.frames.push(None);
        Some(place)
    }

    fn record(&mut self, place: usize, observed: &Observed<'_>) {
        let observation = &mut self.observed[place];
        observation.first = observation.first.min(observed.at);
        if observed.at >= observation.last {
            observation.last = observed.at;
            self.frames[place] = observed.frame.or(self.frames[place]);
            if observed.version.is_some() && observed.version != observation.sdk_version.as_deref() {
                observation.sdk_version = observed.version.map(str::to_owned);
            }
        }
        if let (Some(_), Some(sequence)) = (&observation.instance, observed.sequence) {
            observation.sequences.insert(sequence);
        }
    }

    /// All observations, with the schemas that the decoder knows.
    pub(super) fn finish(self, decoder: &Decoder) -> Vec<ProducerObservation> {
        let mut observed = self.observed;
        for (observation, frame_kind) in observed.iter_mut().zip(self.frames) {
            observation.wire = frame_kind.and_then(|frame_kind| wire(frame_kind, decoder));
        }
        observed
    }
}

impl<'a> Headers<'a> {
    fn of(record: &'a RawRecord) -> Self {
        let mut found = Self::default();
        for (name, value) in record.headers() {
            let place = match str::from_utf8(name).unwrap_or_default() {
                headers::PRODUCER => &mut found.service,
                headers::PRODUCER_INSTANCE => &mut found.instance,
                headers::PRODUCER_VERSION => &mut found.version,
                headers::SEQUENCE => &mut found.sequence,
                _ => continue,
            };
            *place = value;
        }
        found
    }
}

/// A name that can be kept, if there is one that can.
fn valid_name<'a>(name: Option<&'a [u8]>, is_valid: &mut bool) -> Option<&'a str> {
    let valid = producer_name(str::from_utf8(name?).unwrap_or_default());
    *is_valid &= valid.is_some();
    valid
}

fn sequence(text: &[u8]) -> Option<u64> {
    let sequence = str::from_utf8(text).ok()?.parse().ok()?;
    (1..=Sequences::MAX).contains(&sequence).then_some(sequence)
}

fn version(text: &[u8]) -> Option<&str> {
    let is_short = text.len() <= MAX_VERSION_BYTES;
    producer_name(str::from_utf8(text).ok()?).filter(|_| is_short)
}

fn came_at(record: &RawRecord) -> Option<Timestamp> {
    Timestamp::from_millis(record.timestamp.to_millis()?).ok()
}

impl From<Frame<'_>> for FrameKind {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::SingleObject { fingerprint, .. } => Self::SingleObject(fingerprint),
            Frame::Confluent { schema_id, .. } => Self::Confluent(schema_id),
        }
    }
}

fn wire(frame_kind: FrameKind, decoder: &Decoder) -> Option<Wire> {
    let number = |version| match version {
        SchemaVersion::V1 => 1,
        SchemaVersion::V2 => 2,
    };
    match frame_kind {
        FrameKind::SingleObject(fingerprint) => Some(Wire {
            schema_version: Some(number(SchemaVersion::by_fingerprint(fingerprint)?)),
            schema_id: None,
        }),
        FrameKind::Confluent(id) => {
            let schema_version = match decoder.schema(id)? {
                WriterSchema::Version(version) => Some(number(*version)),
                _ => None,
            };
            Some(Wire {
                schema_version,
                schema_id: Some(id),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp as KafkaTime;
    use saga_types::Metadata;

    use super::*;
    use crate::test_events::created;

    const NOW: i64 = 1_760_000_000_000;

    fn now() -> Timestamp {
        Timestamp::from_millis(NOW).unwrap()
    }

    fn record(headers: &[(&str, &[u8])]) -> RawRecord {
        RawRecord::of_parts(KafkaTime::CreateTime(NOW - 1000), b"saga-1", b"no event", headers)
    }

    fn of_the_sdk<'a>(instance: &'a str, sequence: &'a str) -> [(&'a str, &'a [u8]); 4] {
        [
            ("saga-producer", b"order-service"),
            ("saga-producer-version", b"0.1.0"),
            ("saga-producer-instance", instance.as_bytes()),
            ("saga-sequence", sequence.as_bytes()),
        ]
    }

    fn seen(records: &[RawRecord]) -> (Vec<ProducerObservation>, u64, u64) {
        let mut observations = ProducerObservations::default();
        for record in records {
            observations.observe(record, None, None, now());
        }
        let (invalid, left_out) = (observations.invalid, observations.left_out);
        (observations.finish(&Decoder::new(None)), invalid, left_out)
    }

    #[test]
    fn the_numbers_of_an_instance_are_one_observation_dead_letters_included() {
        let records = ["3", "1", "3"].map(|sequence| record(&of_the_sdk("i-1", sequence)));
        let (seen, invalid, _) = seen(&records);
        assert_eq!((seen.len(), invalid), (1, 0));
        assert_eq!(
            (seen[0].service.as_str(), seen[0].instance.as_deref()),
            ("order-service", Some("i-1"))
        );
        assert_eq!(seen[0].sdk_version.as_deref(), Some("0.1.0"));
        assert_eq!(seen[0].sequences, [1, 3].into_iter().collect());
        assert_eq!(seen[0].last.as_millis(), NOW - 1000);
    }

    #[test]
    fn services_without_headers_are_known_by_what_their_events_say() {
        let metadata = Metadata::parse(r#"{"producerService":"legacy-service"}"#).unwrap();
        let event = created("1", now()).with_metadata(metadata);
        let mut observations = ProducerObservations::default();
        observations.observe(&record(&[]), None, Some(&event), now());
        observations.observe(&record(&[]), None, None, now());
        let seen = observations.finish(&Decoder::new(None));
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].service.as_str(), &seen[0].instance),
            ("legacy-service", &None)
        );
        assert!(seen[0].sequences.is_empty());
    }

    #[test]
    fn what_cannot_be_right_is_counted_and_ignored() {
        let long = "x".repeat(1 << 20);
        let wrong_numbers = [
            "0",
            "-1",
            "1e3",
            "",
            "1000000000001",
            "99999999999999999999999",
            long.as_str(),
        ];
        let records = wrong_numbers.map(|number| record(&of_the_sdk("i-1", number)));
        let (observed, invalid, _) = seen(&records);
        assert_eq!((observed.len(), invalid), (1, 7));
        assert!(observed[0].sequences.is_empty());

        let wrong_names: [&[u8]; 4] = [b"", b"a\nb", b"\xff\xfe", long.as_bytes()];
        for name in wrong_names {
            let mut headers = of_the_sdk("i-1", "1");
            headers[0].1 = name;
            let (observed, invalid, _) = seen(&[record(&headers)]);
            assert_eq!((observed.len(), invalid), (0, 1));
            let mut headers = of_the_sdk("i-1", "1");
            headers[2].1 = name;
            let (observed, invalid, _) = seen(&[record(&headers)]);
            assert_eq!((observed[0].instance.as_deref(), invalid), (None, 1));
        }
    }

    #[test]
    fn a_clock_that_is_wrong_shows_nobody_in_the_future() {
        for millis in [NOW + 3_600_000, i64::MAX, -5, i64::MIN] {
            let record =
                RawRecord::of_parts(KafkaTime::CreateTime(millis), b"", b"", &of_the_sdk("i-1", "1"));
            let (seen, ..) = seen(&[record]);
            assert!(seen[0].last <= now(), "{millis}");
        }
    }

    #[test]
    fn instances_without_number_are_left_out_beyond_a_bound() {
        let names: Vec<String> = (0..1000).map(|number| format!("i-{number}")).collect();
        let records: Vec<RawRecord> = names.iter().map(|name| record(&of_the_sdk(name, "1"))).collect();
        let (seen, _, left_out) = seen(&records);
        assert_eq!((seen.len(), left_out), (MAX_INSTANCES, 744));
    }
}
