import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A wire between two programs that can be cut. */
export interface TcpRelay {
  readonly port: number;
  /** Cuts a marked connection at the moment when the server next answers on one; that answer is lost. */
  loseNextAnswer(): void;
  /** Cuts every connection. */
  cut(): void;
  /** Cuts every connection and takes no new one. */
  close(): Promise<void>;
}

/** Opens a relay on a free port to a server. A connection is marked once `mark` was sent to the server on it. */
export async function openTcpRelay(host: string, port: number, mark: string): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  let isLosing = false;
  const server = createServer((client) => {
    const upstream = connect(port, host);
    let isMarked = false;
    const end = () => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on("data", (data) => {
      isMarked ||= data.includes(mark);
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!isLosing || !isMarked) {
        client.write(data);
        return;
      }
      isLosing = false;
      end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    loseNextAnswer: () => {
      isLosing = true;
    },
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
