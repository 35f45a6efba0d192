import { describeLedger } from "@keybrake/core/testing";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { openSqlLedgerHarness } from "./sql-ledger-harness.ts";
import { openPgliteStore, openPostgresStore } from "./sql-store.ts";

describeLedger("PGlite", () => openSqlLedgerHarness(openPgliteStore), {
  supportsConcurrency: false,
  hasFaults: false,
});

if (DATABASE_URL === undefined) skipSuite("ledger on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else {
  const traits = { supportsConcurrency: true, hasFaults: true };
  describeLedger("PostgreSQL", () => openSqlLedgerHarness(openPostgresStore), traits);
}
