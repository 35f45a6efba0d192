// Copies the SQL files of one folder to the same places in another: tsc leaves them where they are. What the source does not
// have any more is removed there: a migration that was renamed would otherwise stand beside itself.
import { cpSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);
const files = globSync("**/*.sql", { cwd: from });
for (const file of globSync("**/*.sql", { cwd: to })) if (!files.includes(file)) rmSync(join(to, file));
for (const file of files) cpSync(join(from, file), join(to, file));
