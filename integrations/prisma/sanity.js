// Lets the project's own Prisma client read one row of every model, with its relations; one JSON line each.
// Started in the project's folder: node prisma_sanity.js [CLIENT_MODULE]. Its session can only read.
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

async function main() {
  const { PrismaClient, Prisma } = project(process.argv[2] ?? "@prisma/client");
  const client = connected(PrismaClient);
  for (const model of Prisma.dmmf.datamodel.models) {
    const include = relationsOf(model);
    const name = model.name[0].toLowerCase() + model.name.slice(1);
    const said = { model: model.name, relations: Object.keys(include).length };
    try {
      const row = await client[name].findFirst(Object.keys(include).length ? { include } : {});
      Object.assign(said, { ok: true, empty: row === null });
    } catch (error) {
      const line = String(error.message).trim().split("\n").pop().slice(0, 300);
      Object.assign(said, { ok: false, code: error.code ?? error.name, message: line });
    }
    console.log(JSON.stringify(said));
  }
  await client.$disconnect();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(2);
});
