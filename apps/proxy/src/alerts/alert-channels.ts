import { randomBytes, randomUUID } from "node:crypto";
import type { AlertChannel, AlertKind, AlertSeverity } from "@keybrake/client/contract";
import { type Database, type Row, sqlStateOf } from "../ledger/database.ts";
import type { EnvelopePlace } from "../secrets/envelope.ts";
import type { KeyRing } from "../secrets/key-ring.ts";
import { sealUnderActive } from "../secrets/seal-under-active.ts";

const NAME_TAKEN = "23505";
const SIGNING_SECRET_BYTES = 32;

/** A new channel. */
export interface NewAlertChannel {
  readonly name: string;
  readonly kind: AlertChannel["kind"];
  readonly url: string;
  readonly events: readonly AlertKind[];
  readonly minSeverity: AlertSeverity;
}

/** What a change names; what is not named stays. */
export interface AlertChannelChange extends Partial<Omit<NewAlertChannel, "kind">> {
  readonly enabled?: boolean;
}

/** A channel with what is sealed of it. */
export interface OpenedAlertChannel {
  readonly kind: AlertChannel["kind"];
  readonly url: URL;
  /** Null for Slack. */
  readonly signingSecret: string | null;
}

interface Sealed {
  readonly url: string;
  readonly signing_secret: string | null;
}

const COLUMNS = `c.id, c.name, c.kind, c.origin, c.events, c.min_severity, c.enabled, c.created_at,
  (SELECT count(*) FROM alert_deliveries p WHERE p.channel_id = c.id AND p.state = 'pending') AS pending, l.state, l.attempts,
  l.last_status, l.last_error, l.attempted_at`;
const LATEST = `LEFT JOIN LATERAL (SELECT d.* FROM alert_deliveries d WHERE d.channel_id = c.id AND d.attempted_at IS NOT NULL
  ORDER BY d.attempted_at DESC LIMIT 1) l ON true`;

/** Where alerts go. Addresses and signing secrets are in the database in envelopes only, as vendors' credentials are. */
export class AlertChannels {
  readonly #database: Database;
  readonly #keyRing: KeyRing;
  readonly #installationId: string;

  constructor(database: Database, keyRing: KeyRing, installationId: string) {
    this.#database = database;
    this.#keyRing = keyRing;
    this.#installationId = installationId;
  }

  /** Stores a channel, written through `through`; null when the name is taken. The signing secret is told here only. */
  async create(
    channel: NewAlertChannel,
    through: Database,
  ): Promise<{ readonly id: string; readonly signingSecret: string | null } | null> {
    const id = randomUUID();
    const signingSecret =
      channel.kind === "webhook"
        ? `kbwhsec_${randomBytes(SIGNING_SECRET_BYTES).toString("base64url")}`
        : null;
    const rows = await this.#sealed(
      this.#placeOf(id, 1),
      { url: channel.url, signing_secret: signingSecret },
      (envelope) =>
        through.query(
          `INSERT INTO alert_channels (id, name, kind, origin, envelope, events, min_severity)
         VALUES ($1, $2, $3, $4, $5, $6::text[], $7) ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING id`,
          [
            id,
            channel.name,
            channel.kind,
            new URL(channel.url).origin,
            envelope,
            channel.events,
            channel.minSeverity,
          ],
        ),
    );
    return rows.length === 0 ? null : { id, signingSecret };
  }

  /** Changes a channel. `missing` when there is none (any more), `taken` when another one has the name. */
  async update(
    id: string,
    change: AlertChannelChange,
    through: Database,
  ): Promise<"done" | "missing" | "taken"> {
    const { name = null, events = null, minSeverity = null, enabled = null, url } = change;
    const write = (version: number | null, origin: string | null, envelope: Buffer | null) =>
      through.query(
        `UPDATE alert_channels SET name = coalesce($2, name), events = coalesce($3::text[], events),
           min_severity = coalesce($4, min_severity), enabled = coalesce($5, enabled),
           version = CASE WHEN $6::integer IS NULL THEN version ELSE version + 1 END, origin = coalesce($7, origin),
           envelope = coalesce($8, envelope)
         WHERE id = $1 AND deleted_at IS NULL AND version = coalesce($6, version) RETURNING id`,
        [id, name, events, minSeverity, enabled, version, origin, envelope],
      );
    try {
      const rows = url === undefined ? await write(null, null, null) : await this.#withUrl(id, url, write);
      return rows.length === 0 ? "missing" : "done";
    } catch (error) {
      if (sqlStateOf(error) === NAME_TAKEN) return "taken";
      throw error;
    }
  }

  /** Erases a channel's address; false when there is none. What waited for it is not sent. */
  async delete(id: string, through: Database): Promise<boolean> {
    const rows = await through.query(
      `UPDATE alert_channels SET deleted_at = now(), envelope = ''::bytea WHERE id = $1 AND deleted_at IS NULL RETURNING id`,
      [id],
    );
    if (rows.length === 0) return false;
    // Nobody takes them any more, whether this is written or not.
    await this.#database.query(
      `UPDATE alert_deliveries SET state = 'failed', last_error = 'the channel was removed'
       WHERE channel_id = $1 AND state = 'pending'`,
      [id],
    );
    return true;
  }

  /** Channels by name, behind a position. */
  async list(
    after: { readonly name: string; readonly id: string } | null,
    most: number,
  ): Promise<readonly AlertChannel[]> {
    const rows = await this.#database.query(
      `SELECT ${COLUMNS} FROM alert_channels c ${LATEST}
       WHERE c.deleted_at IS NULL AND ($2::text IS NULL OR (c.name, c.id) > ($2, $3::uuid)) ORDER BY c.name, c.id LIMIT $1`,
      [most, after?.name ?? null, after?.id ?? null],
    );
    return rows.map(readChannel);
  }

  async find(id: string): Promise<AlertChannel | null> {
    const [row] = await this.#database.query(
      `SELECT ${COLUMNS} FROM alert_channels c ${LATEST} WHERE c.id = $1 AND c.deleted_at IS NULL`,
      [id],
    );
    return row === undefined ? null : readChannel(row);
  }

  /** Opens what is sealed; null when the channel was removed. Rejects with an `EnvelopeError` when it cannot be opened. */
  async open(id: string): Promise<OpenedAlertChannel | null> {
    const found = await this.#select(id);
    if (found === null) return null;
    return { kind: found.kind, url: new URL(found.sealed.url), signingSecret: found.sealed.signing_secret };
  }

  async #withUrl(
    id: string,
    url: string,
    write: (version: number, origin: string, envelope: Buffer) => Promise<readonly Row[]>,
  ): Promise<readonly Row[]> {
    const found = await this.#select(id);
    if (found === null) return [];
    const place = this.#placeOf(id, found.version + 1);
    return await this.#sealed(place, { ...found.sealed, url }, (envelope) =>
      write(found.version, new URL(url).origin, envelope),
    );
  }

  async #select(id: string) {
    const [row] = await this.#database.query(
      "SELECT kind, version, envelope FROM alert_channels WHERE id = $1 AND deleted_at IS NULL",
      [id],
    );
    if (row === undefined) return null;
    const version = row["version"] as number;
    const opened = this.#keyRing.open(this.#placeOf(id, version), row["envelope"] as Uint8Array);
    const sealed = JSON.parse(opened.toString("utf8")) as Sealed;
    opened.fill(0);
    return { kind: row["kind"] as AlertChannel["kind"], version, sealed };
  }

  #sealed<Result>(
    place: EnvelopePlace,
    value: Sealed,
    write: (envelope: Buffer) => Promise<Result>,
  ): Promise<Result> {
    return sealUnderActive(this.#database, this.#keyRing, place, JSON.stringify(value), write);
  }

  #placeOf(rowId: string, version: number): EnvelopePlace {
    return { installationId: this.#installationId, table: "alert_channels", rowId, vendor: "", version };
  }
}

function readChannel(row: Row): AlertChannel {
  return {
    id: row["id"] as string,
    name: row["name"] as string,
    kind: row["kind"] as AlertChannel["kind"],
    origin: row["origin"] as string,
    events: row["events"] as AlertChannel["events"],
    min_severity: row["min_severity"] as AlertSeverity,
    enabled: row["enabled"] as boolean,
    created_at: (row["created_at"] as Date).toISOString(),
    pending: Number(row["pending"]),
    last_delivery:
      row["attempted_at"] === null
        ? null
        : {
            state: row["state"] as "pending" | "delivered" | "failed",
            attempts: row["attempts"] as number,
            last_status: row["last_status"] as number | null,
            last_error: row["last_error"] as string | null,
            at: (row["attempted_at"] as Date).toISOString(),
          },
  };
}
