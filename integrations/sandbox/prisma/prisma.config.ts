// Runs Prisma 6 without its native engines: the WebAssembly schema engine talks through a driver adapter.
import { defineConfig } from 'prisma/config';
import { PrismaPg } from '@prisma/adapter-pg';

// The adapter knows no type of PostgreSQL's catalog, and db pull reads the catalog: call them text.
const TEXT = 25;
const TEXT_ARRAY = 1009;
const AS_TEXT = new Set([18, 19, 22, 24, 194, 2205]); // "char", name, int2vector, regproc, pg_node_tree, regclass
const AS_TEXT_ARRAY = new Set([1002, 1003]); // "char"[], name[]

function readable(field: { dataTypeID: number }) {
  if (AS_TEXT.has(field.dataTypeID)) return { ...field, dataTypeID: TEXT };
  if (AS_TEXT_ARRAY.has(field.dataTypeID)) return { ...field, dataTypeID: TEXT_ARRAY };
  return field;
}

// PostgreSQL 18 lists every NOT NULL as a constraint of type n, at which Prisma's engine panics
// ("unreachable"). Whether a column may be null is read from the column itself, so nothing is hidden.
function known(answer: { fields: { name: string }[]; rows: unknown[][] }) {
  const kind = answer.fields.findIndex((field) => field.name === 'constraint_type');
  return kind < 0 ? answer.rows : answer.rows.filter((row) => row[kind] !== 'n');
}

// The engine races its waits, ten seconds for its lock and sixty for a push, against timers that outlive the
// race: without this, every deploy, resolve and push sits idle for the rest of them. The race is as before: a
// connection that is waited for keeps Node.js running.
const RACED = new Set([10_000, 60_000]);
const plainTimeout = globalThis.setTimeout;
globalThis.setTimeout = ((run: () => void, wait?: number, ...rest: unknown[]) => {
  const timer = plainTimeout(run, wait, ...rest);
  if (wait !== undefined && RACED.has(wait)) timer.unref();
  return timer;
}) as typeof setTimeout;

function wrap(queryable: any) {
  const ask = queryable.performIO.bind(queryable);
  queryable.performIO = async (query: unknown) => {
    const answer = await ask(query);
    return { ...answer, rows: known(answer), fields: answer.fields.map(readable) };
  };
  // The adapter cuts a migration at every semicolon and commits each piece; sent whole, as the native
  // engine does it, PostgreSQL takes all of the file or nothing.
  if (typeof queryable.executeScript === 'function') {
    queryable.executeScript = async (script: string) => {
      try {
        await queryable.client.query(script);
      } catch (error) {
        queryable.onError(error);
      }
    };
  }
  if (typeof queryable.startTransaction === 'function') {
    const start = queryable.startTransaction.bind(queryable);
    queryable.startTransaction = async (...options: unknown[]) => wrap(await start(...options));
  }
  return queryable;
}

class CatalogReader extends PrismaPg {
  async connect() {
    return wrap(await super.connect());
  }

  async connectToShadowDb() {
    return wrap(await super.connectToShadowDb());
  }
}

function address() {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error('DATABASE_URL is not set: this project takes its database from it alone.');
  return url; // without this, pg would quietly try localhost:5432
}

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  engine: 'js',
  experimental: { adapter: true },
  adapter: async () => new CatalogReader({ connectionString: address(), allowExitOnIdle: true }),
});
