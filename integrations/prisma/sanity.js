// Lets the project's own Prisma client read one row of every model, with its relations, and count its rows; one JSON
// line each. Then it adds up the totals: [{table, sum, by}] by names of the database; one JSON line each. The last
// line says how many of both there were.
// Started in the project's folder: node sanity.js [CLIENT_MODULE [TOTALS]]. Its session can only read.
"use strict";
const path = require("node:path");
const { createRequire } = require("node:module");

const project = createRequire(path.join(process.cwd(), "package.json"));

function readOnly(address) {
  const url = new URL(address);
  const options = `${url.searchParams.get("options") ?? ""} -c default_transaction_read_only=on`;
  url.searchParams.set("options", options.trim());
  return url.toString();
}

function connected(PrismaClient) {
  const connectionString = readOnly(process.env.DATABASE_URL);
  let adapters;
  try {
    adapters = project("@prisma/adapter-pg");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return new PrismaClient({ datasourceUrl: connectionString });
  }
  return new PrismaClient({ adapter: new adapters.PrismaPg({ connectionString, max: 1 }) });
}

function relationsOf(model) {
  const related = model.fields.filter((field) => field.kind === "object");
  return Object.fromEntries(related.map((field) => [field.name, field.isList ? { take: 1 } : true]));
}

// The groups of one total, by the names that the datamodel has for its table and columns.
async function addUp(client, models, total) {
  const model = models.find((one) => (one.dbName ?? one.name) === total.table);
  if (!model) throw new Error(`the client has no model of the table ${total.table}`);
  const field = (column) => {
    const found = model.fields.find((one) => (one.dbName ?? one.name) === column);
    if (!found) throw new Error(`the model ${model.name} has no field of the column ${column}`);
    return found.name;
  };
  const by = total.by.map(field);
  const sum = field(total.sum);
  const name = model.name[0].toLowerCase() + model.name.slice(1);
  const rows = await client[name].groupBy({ by, _sum: { [sum]: true }, _count: { _all: true } });
  return rows.map((row) => [by.map((one) => row[one]), String(row._sum[sum] ?? 0), row._count._all]);
}

async function main() {
  const { PrismaClient, Prisma } = project(process.argv[2] ?? "@prisma/client");
  const client = connected(PrismaClient);
  for (const model of Prisma.dmmf.datamodel.models) {
    const include = relationsOf(model);
    const name = model.name[0].toLowerCase() + model.name.slice(1);
    const said = { model: model.name, relations: Object.keys(include).length };
    try {
      const row = await client[name].findFirst(Object.keys(include).length ? { include } : {});
      const rows = await client[name].count();
      Object.assign(said, { ok: true, empty: row === null, rows, table: model.dbName ?? model.name });
    } catch (error) {
      const line = String(error.message).trim().split("\n").pop().slice(0, 300);
      Object.assign(said, { ok: false, code: error.code ?? error.name, message: line });
    }
    console.log(JSON.stringify(said));
  }
  let totals = 0;
  for (const total of JSON.parse(process.argv[3] ?? "[]")) {
    totals += 1;
    const said = { total, groups: [], error: "" };
    try {
      said.groups = await addUp(client, Prisma.dmmf.datamodel.models, total);
    } catch (error) {
      said.error = String(error.message).trim().split("\n").pop().slice(0, 300);
    }
    console.log(JSON.stringify(said));
  }
  // Node.js ends without an error when nothing is left to wait for: without this line the answer is not whole.
  console.log(JSON.stringify({ end: { models: Prisma.dmmf.datamodel.models.length, totals } }));
  await client.$disconnect();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(2);
});
