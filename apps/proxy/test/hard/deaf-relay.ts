import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A wire to PostgreSQL on which notifications are lost: nobody is told, and nothing is closed. */
export interface DeafRelay {
  readonly port: number;
  close(): Promise<void>;
}

const LISTEN = /LISTEN "?keybrake/;

/** Opens it on a free port. A connection that has begun to listen hears nothing more after the answer to that. */
export async function openDeafRelay(host: string, port: number): Promise<DeafRelay> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, host);
    let answersLeft = Number.POSITIVE_INFINITY;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    client.on("data", (data) => {
      if (LISTEN.test(data.toString("latin1"))) answersLeft = 1;
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (answersLeft > 0) client.write(data);
      answersLeft--;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
