import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import java.io.File;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes and reads events as JVM services do, sharing no code with Saga Tracker: Kafka's own client, Avro for Java, the
 * published schemas, and a serializer that registers schemas and frames as Confluent's does.
 *
 * <p>"write" writes one event of each version and waits for the broker; "read" prints the events of one saga, each as a
 * line of JSON. Both take their values as "--name value". Any failure ends it with a message on standard error and a
 * status that is not 0.
 */
public final class Events {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final Map<String, String> values = new HashMap<>();

    public static void main(String[] args) throws Exception {
        Events events = new Events();
        for (int i = 1; i + 1 < args.length; i += 2) {
            events.values.put(args[i].substring(2), args[i + 1]);
        }
        switch (args[0]) {
            case "write" -> events.write();
            case "read" -> events.read();
            default -> throw new IllegalArgumentException("write or read, not " + args[0]);
        }
    }

    private void write() throws Exception {
        Serializer<GenericRecord> serializer = new AvroKafkaSerializer<>();
        Map<String, Object> registry = registry();
        registry.put("apicurio.registry.auto-register", true);
        serializer.configure(registry, false);
        Map<String, Object> config = Map.of(
                "bootstrap.servers", values.get("bootstrap-servers"),
                "delivery.timeout.ms", (int) TIMEOUT.toMillis(),
                "request.timeout.ms", 10_000,
                "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), serializer)) {
            String topic = values.get("topic");
            GenericRecord v1 = version1(schema("saga-tracker-v1.avsc"), values.get("saga-id-v1"));
            producer.send(new ProducerRecord<>(topic, values.get("saga-id-v1"), v1)).get();
            GenericRecord v2 = version2(schema("saga-tracker-v2.avsc"), values.get("saga-id-v2"));
            producer.send(new ProducerRecord<>(topic, values.get("saga-id-v2"), v2)).get();
        }
    }

    private Schema schema(String file) throws Exception {
        return new Schema.Parser().parse(new File(values.get("schemas"), file));
    }

    /** As the existing producers write it: nine fields, two saga types. */
    private static GenericRecord version1(Schema schema, String sagaId) {
        GenericRecord event = new GenericData.Record(schema);
        long now = System.currentTimeMillis();
        event.put("eventId", UUID.randomUUID().toString());
        event.put("eventTimestamp", now);
        event.put("sagaId", sagaId);
        event.put("sagaType", symbol(schema, "sagaType", "ORDER_CREATION"));
        event.put("step", "ORDER_CREATED");
        event.put("status", symbol(schema, "status", "STARTED"));
        event.put("orderId", "ORD-" + sagaId);
        event.put("metadata", "{\"producerService\":\"jvm\",\"orderAmount\":49.9,\"customerId\":\"Zoë\"}");
        event.put("recordedAt", now);
        return event;
    }

    /** A saga type that no enum knows, and no metadata. */
    private static GenericRecord version2(Schema schema, String sagaId) {
        GenericRecord event = version1(schema, sagaId);
        event.put("sagaType", symbol(schema, "sagaType", "CUSTOM"));
        event.put("sagaTypeName", "LOAN_APPROVAL");
        event.put("step", "APPLICATION_RECEIVED");
        event.put("metadata", null);
        return event;
    }

    private static GenericData.EnumSymbol symbol(Schema schema, String field, String symbol) {
        return new GenericData.EnumSymbol(schema.getField(field).schema(), symbol);
    }

    private void read() {
        var deserializer = new AvroKafkaDeserializer<GenericRecord>();
        deserializer.configure(registry(), false);
        Map<String, Object> config = Map.of("bootstrap.servers", values.get("bootstrap-servers"));
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), deserializer)) {
            List<TopicPartition> partitions = consumer.partitionsFor(values.get("topic")).stream()
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            int wanted = Integer.parseInt(values.get("count"));
            long deadline = System.nanoTime() + TIMEOUT.toNanos();
            while (wanted > 0) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException(wanted + " events are missing");
                }
                for (ConsumerRecord<String, GenericRecord> record : consumer.poll(Duration.ofMillis(200))) {
                    if (record.key().equals(values.get("saga-id"))) {
                        System.out.println(record.value());
                        wanted--;
                    }
                }
            }
        }
    }

    /** Schemas under the subject topic-value, and their ids in the value as Confluent's clients have them. */
    private Map<String, Object> registry() {
        Map<String, Object> config = new HashMap<>();
        String url = values.get("registry");
        // Its own API beside the one that answers as Confluent's does: the same schemas.
        config.put("apicurio.registry.url", url.replace("/apis/ccompat/v7", "/apis/registry/v2"));
        config.put("apicurio.registry.as-confluent", true);
        config.put("apicurio.registry.use-id", "contentId");
        config.put("apicurio.registry.headers.enabled", false);
        config.put("apicurio.registry.artifact-resolver-strategy", "io.apicurio.registry.serde.strategy.TopicIdStrategy");
        return config;
    }
}
