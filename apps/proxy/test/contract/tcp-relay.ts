import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A wire between two programs that can be cut. */
export interface TcpRelay {
  readonly port: number;
  /** Cuts a marked connection at the moment when the server next answers on one; that answer is lost. */
  loseNextAnswer(): void;
  /**
   * Keeps the next request on a marked connection and cuts that connection on the client's side. The function returned
   * lets the request arrive after all; it resolves when the server has answered it, to nobody.
   */
  delayNextRequest(): () => Promise<void>;
  /** Passes nothing on, in either direction, and cuts nothing; returns how to go on. */
  stall(): () => void;
  /** Cuts every connection. */
  cut(): void;
  /** Cuts every connection and takes no new one. */
  close(): Promise<void>;
}

interface DelayedRequest {
  /** Null until the request came. */
  upstream: Socket | null;
  readonly chunks: Buffer[];
}

/** PostgreSQL's Sync, with which each of a client's requests ends. */
const SYNC = Buffer.of(0x53, 0, 0, 0, 4);

function endsRequest(data: Buffer): boolean {
  return data.subarray(-SYNC.length).equals(SYNC);
}

/** Opens a relay on a free port to a server. A connection is marked once `mark` was sent to the server on it. */
export async function openTcpRelay(host: string, port: number, mark: string): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  let isLosing = false;
  let delayed: DelayedRequest | null = null;
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
        // The server must not notice that the client of a delayed request is gone.
        if (delayed?.upstream !== upstream) end();
      });
    }
    client.on("data", (data) => {
      isMarked ||= data.includes(mark);
      if (isMarked && delayed !== null && (delayed.upstream ?? upstream) === upstream) {
        delayed.upstream = upstream;
        delayed.chunks.push(data);
        if (endsRequest(data)) client.resetAndDestroy();
        return;
      }
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
    delayNextRequest: () => {
      const request: DelayedRequest = { upstream: null, chunks: [] };
      delayed = request;
      return async () => {
        const { upstream, chunks } = request;
        if (upstream === null) throw new Error("there was no request to delay");
        delayed = null;
        upstream.write(Buffer.concat(chunks));
        await once(upstream, "data");
        upstream.destroy();
      };
    },
    stall: () => {
      for (const socket of sockets) socket.pause();
      return () => {
        for (const socket of sockets) socket.resume();
      };
    },
    cut,
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
