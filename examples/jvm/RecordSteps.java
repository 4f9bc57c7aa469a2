import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/**
 * Records steps of sagas over HTTP, from a service on the JVM: Java 17, no dependencies, one file to copy.
 *
 * <p>It waits for the answer, so call it from a thread that no order waits for, best with steps that the service has stored in the
 * transaction of the order (an outbox): what was not recorded is then sent again after a restart.
 */
public final class RecordSteps {
    /** How long an event is sent again before record gives up. */
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(30);

    /** An event that is wrong, or that the token may not record. */
    private static final Pattern NOT_STORED = Pattern.compile("\"outcome\"\\s*:\\s*\"(REFUSED|FORBIDDEN|IGNORED)\"");

    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();
    private final URI events;
    private final String token;
    private final String service;

    /** The token (role recorder) may be null where the tracker asks for none; the service is the one that records. */
    public RecordSteps(URI tracker, String token, String service) {
        this.events = tracker.resolve("/api/v1/events");
        this.token = token;
        this.service = service;
    }

    /** A step. Its time is that of the change, as the service has stored it, and not that of sending. */
    public record Step(
            String sagaId, String sagaType, String step, String status, String orderId, Instant recordedAt, Map<String, Object> metadata) {

        /** The same for the same step, so that sending it again changes nothing. A step that is tried again has another time. */
        String eventId() {
            String name = String.join("|", sagaId, step, status, recordedAt.toString());
            return UUID.nameUUIDFromBytes(name.getBytes(UTF_8)).toString();
        }

        private Map<String, Object> fields(String service) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("eventId", eventId());
            fields.put("sagaId", sagaId);
            fields.put("sagaType", sagaType);
            fields.put("step", step);
            fields.put("status", status);
            fields.put("orderId", orderId);
            fields.put("recordedAt", recordedAt.toEpochMilli());
            Map<String, Object> more = new TreeMap<>(metadata);
            more.put("producerService", service);
            fields.put("metadata", more);
            return fields;
        }
    }

    /** Events that are wrong, or a token that may not record them: sending them again does not help. */
    public static final class Refused extends IOException {
        private Refused(String message) {
            super(message);
        }
    }

    /** Returns when all steps (at most 1,000) are stored, and sends all of them again until they are. */
    public void record(List<Step> steps) throws IOException, InterruptedException {
        String body = steps.stream().map(step -> json(step.fields(service))).collect(joining(",", "[", "]"));
        Instant end = Instant.now().plus(PATIENCE);
        for (int attempt = 0; ; attempt++) {
            Duration pause = backoff(attempt);
            String problem;
            try {
                HttpResponse<String> answer = client.send(request(body), BodyHandlers.ofString());
                if (isStored(answer)) {
                    return;
                }
                problem = "status " + answer.statusCode();
                pause = retryAfter(answer, pause);
            } catch (Refused refused) {
                throw refused;
            } catch (IOException noAnswer) {
                problem = noAnswer.toString(); // The events may be stored or not.
            }
            if (Instant.now().plus(pause).isAfter(end)) {
                throw new IOException("not recorded: " + problem);
            }
            System.err.println("sent again in " + pause + ": " + problem);
            Thread.sleep(pause.toMillis());
        }
    }

    private HttpRequest request(String body) {
        var request = HttpRequest.newBuilder(events).timeout(ANSWER_WITHIN).header("Content-Type", "application/json");
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        return request.POST(BodyPublishers.ofString(body)).build();
    }

    /** False when the events must be sent again. */
    private static boolean isStored(HttpResponse<String> answer) throws Refused {
        return switch (answer.statusCode()) {
            case 202 -> {
                // What can be stored is; the results name the others.
                if (NOT_STORED.matcher(answer.body()).find()) {
                    throw new Refused(answer.body());
                }
                yield true;
            }
            case 429, 503 -> false; // Too much at once, or the broker is unavailable.
            case 502, 504 -> false; // A proxy has no answer.
            default -> throw new Refused(answer.statusCode() + " " + answer.body());
        };
    }

    private static Duration retryAfter(HttpResponse<String> answer, Duration otherwise) {
        String seconds = answer.headers().firstValue("Retry-After").orElse("");
        return seconds.matches("[0-9]{1,5}") ? Duration.ofSeconds(Long.parseLong(seconds)) : otherwise;
    }

    /** From 100 ms to 10 s, and of many services not all at the same moment. */
    private static Duration backoff(int attempt) {
        long longest = Math.min(10_000, 100L << Math.min(attempt, 7));
        return Duration.ofMillis(longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2));
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
                    .collect(joining(",", "{", "}"));
        }
        return value instanceof Number || value instanceof Boolean ? value.toString() : quoted(String.valueOf(value));
    }

    private static String quoted(String text) {
        String escaped = text.chars()
                .mapToObj(c -> c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", c) : String.valueOf((char) c))
                .collect(joining());
        return '"' + escaped + '"';
    }

    /** Records a saga that fails: java RecordSteps.java URL SAGA_ID, and in SAGA_TOKEN a token where one is needed. */
    public static void main(String[] args) throws Exception {
        var tracker = new RecordSteps(URI.create(args[0]), System.getenv("SAGA_TOKEN"), "order-service");
        Instant placed = Instant.parse("2026-11-22T08:26:40Z"); // As the order's row has it.
        Instant refused = placed.plusMillis(350);
        tracker.record(List.of(
                new Step(args[1], "ORDER_CREATION", "ORDER_CREATED", "STARTED", "ORD-7", placed, Map.of("orderAmount", 12.5)),
                new Step(args[1], "ORDER_CREATION", "STOCK_RESERVATION_FAILED", "FAILED", "ORD-7", refused,
                        Map.of("failureReason", "\"A-1\" is out of stock"))));
        System.out.println(args[1] + " is recorded");
    }
}
