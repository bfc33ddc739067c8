import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * Work in flight, for a JVM.
 *
 * <pre>
 * /work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
 * /leak            leaves a child that never ends
 * /pid             the process that answers
 * </pre>
 *
 * A shutdown hook closes the listener and waits until what is in flight is done, for at most 20 s.
 */
public class Work {
    public static void main(String[] args) throws IOException {
        String[] address = System.getenv("ADDRESS").split(":");
        HttpServer server = HttpServer.create(new InetSocketAddress(address[0], Integer.parseInt(address[1])), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/work", Work::work);
        server.createContext("/leak", e -> answer(e, new ProcessBuilder("sleep", "1000").start().pid()));
        server.createContext("/pid", e -> answer(e, ProcessHandle.current().pid()));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> drain(server)));
        server.start();
    }

    // HttpServer.stop closes the listener at once, but with nothing in flight it waits out its whole time (JDK 17): so
    // it runs beside the wait, and is left behind with the JVM's end.
    static void drain(HttpServer server) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        new Thread(() -> server.stop(20)).start();
        try {
            do {
                Thread.sleep(100);
            } while (IN_FLIGHT.get() > 0 && System.nanoTime() < end);
        } catch (InterruptedException interrupted) {
            // the JVM ends anyway
        }
    }

    static final AtomicInteger IN_FLIGHT = new AtomicInteger();

    static void work(HttpExchange e) throws IOException {
        Map<String, String> query = Arrays.stream(e.getRequestURI().getQuery().split("&"))
            .map(pair -> pair.split("=")).collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        IN_FLIGHT.incrementAndGet();
        try {
            journal("begin " + query.get("id"));
            Thread.sleep(Long.parseLong(query.get("ms")));
            journal("end " + query.get("id"));
            answer(e, "done");
        } catch (InterruptedException interrupted) {
            throw new IOException(interrupted);
        } finally {
            IN_FLIGHT.decrementAndGet();
        }
    }

    static void journal(String line) throws IOException {
        Files.writeString(Path.of(System.getenv("JOURNAL")), line + "\n",
            StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    static void answer(HttpExchange e, Object body) throws IOException {
        byte[] bytes = (body + "\n").getBytes();
        e.sendResponseHeaders(200, bytes.length);
        e.getResponseBody().write(bytes);
        e.close();
    }
}
