// The new stack's worker: takes jobs of the queue `automation-tasks`, and keeps its three schedules.
// Settings: REDIS_URL. SIGTERM lets the job in hand end first.
"use strict";

const { Queue, Worker } = require("bullmq");
const IORedis = require("ioredis");

const NAME = "automation-tasks";
const PREFIX = "bull";
const SCHEDULES = [
  { id: "prayer-notifications", pattern: "*/15 * * * *" },
  { id: "kpi-digest", pattern: "0 6 * * *" },
  { id: "automations", every: 60_000 },
];

const say = (line) => console.log(`${new Date().toISOString()} ${line}`);
const connection = () => new IORedis(process.env.REDIS_URL, { maxRetriesPerRequest: null });

async function main() {
  const connections = [connection(), connection()];
  const queue = new Queue(NAME, { connection: connections[0], prefix: PREFIX });
  for (const { id, ...repeat } of SCHEDULES) {
    await queue.upsertJobScheduler(id, repeat, {
      name: id,
      opts: { removeOnComplete: 100, removeOnFail: 100 },
    });
  }
  const worker = new Worker(NAME, perform, { connection: connections[1], prefix: PREFIX, concurrency: 2 });
  worker.on("failed", (job, error) => say(`job ${job && job.id} (${job && job.name}) failed: ${error.message}`));
  worker.on("completed", (job) => say(`job ${job.id} (${job.name}) done`));
  worker.on("error", (error) => say(`error: ${error.message}`));
  await worker.waitUntilReady();
  say(`takes jobs of ${PREFIX}:${NAME}`);

  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await worker.close();
    await queue.close();
    for (const one of connections) one.disconnect();
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}

// The sandbox sends nothing to anybody; a canary is answered, an unknown job fails as the real worker's does.
async function perform(job) {
  if (job.name === "canary") return { echoed: job.data };
  if (SCHEDULES.some(({ id }) => id === job.name)) return { sent: 0 };
  throw new Error(`no handler for the job ${job.name}`);
}

main().catch((error) => {
  say(`did not start: ${error.message}`);
  process.exit(1);
});
