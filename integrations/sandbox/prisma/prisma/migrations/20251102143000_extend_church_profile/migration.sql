-- AlterTable
ALTER TABLE "churches"
    ADD COLUMN "timezone" TEXT,
    ADD COLUMN "country" TEXT DEFAULT 'NG',
    ADD COLUMN "state" TEXT,
    ADD COLUMN "city" TEXT,
    ADD COLUMN "settings" JSONB DEFAULT '{}',
    ADD COLUMN "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- Every church that exists gets a place on earth.
UPDATE "churches"
SET "timezone" = COALESCE("timezone", 'Africa/Lagos'),
    "country" = COALESCE("country", 'NG'),
    "settings" = COALESCE("settings", '{}'),
    "updated_at" = CURRENT_TIMESTAMP;

-- From here on an insert without a timezone fails: it has no default.
ALTER TABLE "churches"
    ALTER COLUMN "timezone" SET NOT NULL,
    ALTER COLUMN "country" SET NOT NULL,
    ALTER COLUMN "settings" SET NOT NULL;
