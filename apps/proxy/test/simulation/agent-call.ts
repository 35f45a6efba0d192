import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Writable } from "node:stream";

/** What an agent asks for. */
export interface AgentRequest {
  readonly vaultKey: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly idempotencyKey: string | null;
}

/** What it was told. */
export interface AgentAnswer {
  readonly status: number;
  readonly callId: string;
  readonly body: string;
}

/** One request of an agent, from its first byte to its answer. */
export class AgentCall {
  readonly number: number;
  readonly request: AgentRequest;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** The calls that were reserved for it: look-ups first, itself last. */
  readonly callIds: string[] = [];
  answer: AgentAnswer | null = null;
  /** True when nobody waits for the answer any more: its replica crashed, or the agent hung up. */
  isCut = false;

  constructor(number: number, request: AgentRequest, onAnswer: (call: AgentCall) => void) {
    this.number = number;
    this.request = request;
    this.incoming = readable(request);
    this.response = new ServerResponse(this.incoming);
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        chunks.push(chunk);
        done();
      },
    });
    this.response.assignSocket(sink as Socket);
    this.response.once("finish", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const body = text.slice(text.indexOf("\r\n\r\n") + 4);
      const callId = /^keybrake-call-id: (\S+)/im.exec(text)?.[1] ?? "";
      this.answer = { status: this.response.statusCode, callId, body };
      if (!this.isCut) onAnswer(this);
    });
  }

  get isOpen(): boolean {
    return this.answer === null && !this.isCut;
  }

  cut(): void {
    this.isCut = true;
  }

  /** The agent closes its connection and waits for nothing. */
  hangUp(): void {
    this.cut();
    this.response.destroy();
  }
}

function readable(request: AgentRequest): IncomingMessage {
  const { vaultKey, method, path, body, idempotencyKey } = request;
  const incoming = new IncomingMessage(new Socket());
  incoming.method = method;
  incoming.url = path;
  incoming.httpVersion = "1.1";
  incoming.rawHeaders = [
    ["host", "keybrake"],
    ["authorization", `Bearer ${vaultKey}`],
    ["content-type", "application/x-www-form-urlencoded"],
    ["content-length", String(Buffer.byteLength(body))],
    ...(idempotencyKey === null ? [] : [["idempotency-key", idempotencyKey]]),
  ].flat();
  if (body !== "") incoming.push(body);
  incoming.push(null);
  return incoming;
}
