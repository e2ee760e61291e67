// What the new API does in its queue from its own start on: the schedules, and a worker of its own.
// It belongs to the API's process: it ends when its standard input is closed.
"use strict";

const { begin } = require("./queue");

const say = (line) => console.log(`tasks: ${line}`);

async function main() {
  const end = await begin(say);
  process.stdin.on("end", async () => {
    await end();
    process.exit(0);
  });
  process.stdin.resume();
}

main().catch((error) => {
  say(`did not start: ${error.message}`);
  process.exit(1);
});
