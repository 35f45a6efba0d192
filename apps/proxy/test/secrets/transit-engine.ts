import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

/** A transit engine as HashiCorp Vault and OpenBao serve it: `POST /v1/transit/decrypt/{key}`. */
export interface TransitEngine {
  /** Where it is mounted. */
  readonly url: string;
  readonly token: string;
  /** How often it was asked. */
  readonly asked: () => number;
  /** What `vault write transit/encrypt/keybrake plaintext=…` prints. */
  wrap(plaintext: Uint8Array): string;
  /** How it answers from now on: as it should, not at all, or with what Vault says to a token that was revoked. */
  behave(how: "well" | "silent" | "forbidden" | "sealed"): void;
  close(): Promise<void>;
}

const KEY_NAME = "keybrake";
const REFUSALS = {
  forbidden: [403, { errors: ["permission denied"] }],
  sealed: [503, { errors: ["Vault is sealed"] }],
} as const;

/** Opens one on a free port of this machine; on `port` to come back where another one was. */
export async function openTransitEngine(port = 0): Promise<TransitEngine> {
  const key = randomBytes(32);
  const token = `hvs.test${randomBytes(12).toString("hex")}`;
  let how: Parameters<TransitEngine["behave"]>[0] = "well";
  let asked = 0;
  const decrypt = (ciphertext: string) => {
    const sealed = Buffer.from(ciphertext.slice("vault:v1:".length), "base64");
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString("base64");
  };
  const answer = (request: http.IncomingMessage, body: string): readonly [number, object] => {
    if (how === "forbidden" || how === "sealed") return REFUSALS[how];
    if (request.headers["x-vault-token"] !== token) return REFUSALS.forbidden;
    if (request.method !== "POST" || request.url !== `/v1/transit/decrypt/${KEY_NAME}`)
      return [404, { errors: ["no handler for route"] }];
    try {
      const { ciphertext } = JSON.parse(body) as { ciphertext: string };
      return [200, { request_id: "1", lease_id: "", data: { plaintext: decrypt(ciphertext) } }];
    } catch {
      return [400, { errors: ["invalid ciphertext: could not decrypt"] }];
    }
  };
  const server = http.createServer((request, response) => {
    asked++;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (how === "silent") return;
      const [status, body] = answer(request, Buffer.concat(chunks).toString("utf8"));
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/transit`,
    token,
    asked: () => asked,
    wrap: (plaintext) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = [nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
      return `vault:v1:${Buffer.concat(sealed).toString("base64")}`;
    },
    behave: (next) => {
      how = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
