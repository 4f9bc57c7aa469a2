import java.io.File;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A producer without an SDK whose lost events the tracker reports, by the rules of docs/api.md. Arguments:
 * BOOTSTRAP_SERVERS TOPIC SCHEMA EVENTS LOST...; events whose numbers are LOST are recorded and never sent.
 */
public final class Numbered {
    private static final String SERVICE = "java-service", INSTANCE = uuid7().toString();
    private static final AtomicLong NUMBERS = new AtomicLong();

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(new File(args[2]));
        var encoder = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema);
        List<String> lost = Arrays.asList(args).subList(4, args.length);
        Map<String, Object> config = Map.of("bootstrap.servers", args[0], "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer())) {
            for (int order = 0; order < Integer.parseInt(args[3]); order++) {
                String number = Long.toString(NUMBERS.incrementAndGet()); // taken first, whatever becomes of the event
                String sagaId = INSTANCE + "-" + order;
                long now = System.currentTimeMillis();
                GenericRecord event = new GenericRecordBuilder(schema)
                        .set("eventId", UUID.randomUUID().toString()).set("eventTimestamp", now).set("recordedAt", now)
                        .set("sagaId", sagaId).set("sagaType", symbol(schema, "sagaType", "ORDER_CREATION"))
                        .set("step", "ORDER_CREATED").set("status", symbol(schema, "status", "STARTED"))
                        .set("orderId", "order-" + order).set("metadata", "{\"producerService\":\"" + SERVICE + "\"}").build();
                var record = new ProducerRecord<>(args[1], sagaId, encoder.encode(event).array());
                Map.of("saga-producer", SERVICE, "saga-producer-instance", INSTANCE, "saga-sequence", number)
                        .forEach((name, value) -> record.headers().add(name, value.getBytes()));
                if (!lost.contains(number)) {
                    producer.send(record).get();
                }
            }
        }
    }

    /** Tells when it was made, so that the tracker knows that 1 was the first number. */
    private static UUID uuid7() {
        UUID random = UUID.randomUUID();
        long high = System.currentTimeMillis() << 16 | 0x7000 | random.getMostSignificantBits() & 0xFFF;
        return new UUID(high, random.getLeastSignificantBits());
    }

    private static Object symbol(Schema schema, String field, String symbol) {
        return new GenericData.EnumSymbol(schema.getField(field).schema(), symbol);
    }
}
