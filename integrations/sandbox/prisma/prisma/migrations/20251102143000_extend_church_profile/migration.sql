-- The profile of a church: where it is, and what time it has.
ALTER TABLE "public"."churches"
    ADD COLUMN "timezone" TEXT,
    ADD COLUMN "country" TEXT,
    ADD COLUMN "state" TEXT,
    ADD COLUMN "city" TEXT,
    ADD COLUMN "settings" JSONB DEFAULT '{}',
    ADD COLUMN "updated_at" TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP;

-- Every church that is there gets a value in each of the columns that are required.
UPDATE "public"."churches"
SET "timezone" = COALESCE("timezone", 'UTC'),
    "settings" = COALESCE("settings", '{}'),
    "updated_at" = COALESCE("updated_at", CURRENT_TIMESTAMP);

-- The time zone has no default here: until the alignment gives it one, an insert has to name it.
ALTER TABLE "public"."churches"
    ALTER COLUMN "timezone" SET NOT NULL,
    ALTER COLUMN "settings" SET NOT NULL,
    ALTER COLUMN "updated_at" SET NOT NULL;
