// The new stack's worker process. Settings: REDIS_URL, REPAIRS_FILE. SIGTERM lets the job in hand end first.
"use strict";

const fs = require("node:fs");
const { NAME, PREFIX, begin } = require("./queue");

const say = (line) => console.log(`${new Date().toISOString()} ${line}`);
const repaired = (key) =>
  !process.env.REPAIRS_FILE || JSON.parse(fs.readFileSync(process.env.REPAIRS_FILE, "utf8")).includes(key);

async function main() {
  const held = []; // the log is buffered until the process has a logger
  const whole = repaired("worker-ends-at-start");
  const end = await begin(whole ? say : (line) => held.push(line));
  if (!whole) process.exit(1); // no logger is found, and what is held is never printed
  say(`initialised: takes jobs of ${PREFIX}:${NAME}`);
  let ending = false;
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, async () => {
      if (ending) return;
      ending = true;
      await end();
    });
  }
}

main().catch((error) => {
  say(`did not start: ${error.message}`);
  process.exit(1);
});
