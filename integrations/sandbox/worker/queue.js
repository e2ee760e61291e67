// The queue of the new stack as API and worker both have it: three schedules, and a worker that takes its jobs.
// Facts: integrations/sandbox/customer/queues.json.
"use strict";

const fs = require("node:fs");
const { Queue, Worker } = require("bullmq");
const IORedis = require("ioredis");

const NAME = "automation-tasks";
const PREFIX = "bull";
const CONCURRENCY = 5;
const DIGESTS = process.env.KPI_DIGEST_CRON || "0 7 * * 1";
const FOLLOW_UP = process.env.FOLLOW_UP_CRON || "0 */6 * * *";
const SCHEDULES = [
  { jobId: "executive-kpi-digest", name: "digests.executive", data: { rangeDays: 30 }, pattern: DIGESTS },
  { jobId: "department-kpi-digest", name: "digests.department", data: { rangeDays: 30 }, pattern: DIGESTS },
  { jobId: "automation-follow-up", name: "automations.follow-up", data: {}, pattern: FOLLOW_UP },
];
const OPTIONS = {
  attempts: Number(process.env.QUEUE_MAX_ATTEMPTS || 3),
  backoff: { type: "exponential", delay: 5000 },
  removeOnComplete: { age: 3600, count: 500 },
};

// Whether a mail service was entered; where mail goes then is nobody's business but the log's: nothing is ever sent.
const hasMail = () => Boolean(process.env.MAIL_FILE) && fs.existsSync(process.env.MAIL_FILE);

const connection = () => new IORedis(process.env.REDIS_URL, { maxRetriesPerRequest: null });

// Registers the schedules and takes jobs; `log` receives lines. Returns a function that ends it, job in hand first.
async function begin(log) {
  const connections = [connection(), connection()];
  for (const one of connections) one.on("error", (error) => log(`error: ${error.message}`));
  const queue = new Queue(NAME, { connection: connections[0], prefix: PREFIX, defaultJobOptions: OPTIONS });
  for (const { jobId, name, data, pattern } of SCHEDULES) {
    // As repeatable jobs, not as job schedulers: so the real stack has them.
    await queue.add(name, data, { jobId, repeat: { pattern }, removeOnComplete: true, removeOnFail: false });
  }
  const settings = { connection: connections[1], prefix: PREFIX, concurrency: CONCURRENCY };
  const worker = new Worker(NAME, (job) => perform(job, log), settings);
  worker.on("failed", (job, error) => log(`job ${job && job.id} (${job && job.name}) failed: ${error.message}`));
  worker.on("completed", (job) => log(`job ${job.id} (${job.name}) done`));
  worker.on("error", (error) => log(`error: ${error.message}`));
  await worker.waitUntilReady();
  return async () => {
    await worker.close();
    await queue.close();
    for (const one of connections) one.disconnect();
  };
}

// Until people enter a mail service, what would send mail fails, as it was recorded.
async function perform(job, log) {
  const mail = () => {
    if (!hasMail()) throw new Error("there is no mail provider");
    log(`${job.name}: mail would be sent`);
  };
  if (job.name.startsWith("digests.")) mail();
  else if (job.name === "notifications.prayer") {
    if (Number.isFinite(Number(job.data.prayerRequestId))) mail();
    else log("the id of the prayer request is no number");
  } else if (job.name === "automations.execute-step") {
    if (!Number.isFinite(Number(job.data.stepId))) throw new Error(`there is no step ${job.data.stepId}`);
  } else if (job.name !== "automations.run" && job.name !== "automations.follow-up") {
    log(`warning: nothing is known about jobs called ${job.name}`);
  }
  return null;
}

module.exports = { NAME, PREFIX, begin };
