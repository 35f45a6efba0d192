// What is measured, by name: nothing = the proxy under load, `console` = the web console's requests on a large audit log.
// Needs KEYBRAKE_TEST_DATABASE_URL; `npm run bench` starts a private PostgreSQL and sets it.
import { measureConsole } from "./console.ts";
import { withDatabase } from "./own-database.ts";
import { measureProxies } from "./proxies.ts";

const databaseUrl = process.env["KEYBRAKE_TEST_DATABASE_URL"];
if (databaseUrl === undefined) throw new Error("KEYBRAKE_TEST_DATABASE_URL is not set: run `npm run bench`");

const [name = "proxies"] = process.argv.slice(2);
if (name === "proxies") await measureProxies(databaseUrl);
else if (name === "console") await withDatabase(databaseUrl, measureConsole);
else throw new Error(`there is no benchmark \`${name}\`: \`proxies\` or \`console\``);
